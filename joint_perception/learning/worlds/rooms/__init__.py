# SPDX-License-Identifier: Apache-2.0
"""Furnished rooms, with the NYUD-40 labels."""

from joint_perception.learning.worlds.rooms.room import Room, build_room

__all__ = ["Room", "build_room"]
