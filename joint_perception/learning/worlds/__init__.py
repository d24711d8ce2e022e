# SPDX-License-Identifier: Apache-2.0
"""Procedural worlds with exact depth, labels and normals: rooms (NYUD-40) and streets (KITTI-6)."""

from joint_perception.learning.worlds.renderer import Rendering
from joint_perception.learning.worlds.world import VIEWS_PER_WORLD, Kind, World, domain_of, make_world, sample

__all__ = ["VIEWS_PER_WORLD", "Kind", "Rendering", "World", "domain_of", "make_world", "sample"]
