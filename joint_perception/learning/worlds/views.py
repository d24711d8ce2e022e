# SPDX-License-Identifier: Apache-2.0
"""Poses of cameras in worlds whose z is up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.geometry import Pinhole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def look(
    position: Sequence[float] | npt.NDArray[np.floating], yaw: float, pitch: float = 0.0, roll: float = 0.0
) -> npt.NDArray[np.float64]:
    """Camera-to-world of an optical frame (x right, y down, z forward).

    Args:
        position: Metres.
        yaw: Radians from the world's x axis to where the camera looks, about z.
        pitch: Radians; positive looks up.
        roll: Radians; positive tips the camera's right side down.

    Returns:
        (4, 4) float64.
    """
    forward = np.array([math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), math.sin(pitch)], np.float64)
    level = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, level)
    right = level * math.cos(roll) + down * math.sin(roll)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    return pose


def camera_of(width: int, height: int, focal: float) -> Pinhole:
    """A camera with square pixels and a central principal point; `focal` in widths of the image."""
    return Pinhole(focal * width, focal * width, (width - 1) / 2, (height - 1) / 2, width, height)
