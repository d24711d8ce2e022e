# SPDX-License-Identifier: Apache-2.0
"""What a camera sees of a plane, in closed form."""

from __future__ import annotations

import numpy as np

from joint_perception.geometry import Pinhole

CAMERA = Pinhole(80.0, 90.0, 50.5, 31.0, 100, 70)


def rays(camera=CAMERA):
    """Directions of all pixels, z = 1: (H, W, 3) float64."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return np.stack((x, y, np.ones_like(x)), axis=2)


def depth_of(normal, offset, camera=CAMERA):
    """Depth of the plane normal . X + offset = 0: (H, W) float32, NaN where it is not before the camera."""
    with np.errstate(divide="ignore"):
        depth = -offset / (rays(camera) @ np.asarray(normal, float))
    return np.where(depth > 0, depth, np.nan).astype(np.float32)


def unit(*vector):
    """The vector at length 1."""
    return np.array(vector) / np.linalg.norm(vector)
