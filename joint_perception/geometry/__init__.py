# SPDX-License-Identifier: Apache-2.0
"""Pixels to metres: the pinhole camera, back-projection, organised clouds."""

from joint_perception.geometry.cloud import Cloud, make_cloud
from joint_perception.geometry.pinhole import CameraModelError, Pinhole
from joint_perception.geometry.ply import write_ply

__all__ = ["CameraModelError", "Cloud", "Pinhole", "make_cloud", "write_ply"]
