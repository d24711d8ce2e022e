# SPDX-License-Identifier: Apache-2.0
"""Pixels to metres: cameras, back-projection, clouds and what can be told from them."""

from joint_perception.geometry.cloud import Cloud, CloudOptions, PointSet, make_cloud
from joint_perception.geometry.edges import flying_pixels
from joint_perception.geometry.focal import focal_factor
from joint_perception.geometry.ground import Plane, fit_ground
from joint_perception.geometry.normals import normals_from_depth
from joint_perception.geometry.obstacles import ObstacleOptions, make_obstacles
from joint_perception.geometry.pinhole import CameraModelError, Pinhole
from joint_perception.geometry.ply import write_ply
from joint_perception.geometry.rectifier import Rectifier, is_distorted
from joint_perception.geometry.scale_fit import ScaleFit, ScaleFitError, fit_scale, fit_scale_to_ground

__all__ = [
    "CameraModelError",
    "Cloud",
    "CloudOptions",
    "ObstacleOptions",
    "Pinhole",
    "Plane",
    "PointSet",
    "Rectifier",
    "ScaleFit",
    "ScaleFitError",
    "fit_ground",
    "fit_scale",
    "fit_scale_to_ground",
    "flying_pixels",
    "focal_factor",
    "is_distorted",
    "make_cloud",
    "make_obstacles",
    "normals_from_depth",
    "write_ply",
]
