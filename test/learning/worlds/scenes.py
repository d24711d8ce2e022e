# SPDX-License-Identifier: Apache-2.0
"""Scenes simple enough to know the truth about in closed form, through the code that renders all worlds."""

from __future__ import annotations

import numpy as np

from joint_perception.domains import KITTI
from joint_perception.geometry import Pinhole
from joint_perception.learning.worlds.kit import Kit
from joint_perception.learning.worlds.light import Outdoor
from joint_perception.learning.worlds.renderer import Renderer
from joint_perception.learning.worlds.sensor import Sensor
from joint_perception.learning.worlds.sky import random_sky

# No symmetry that could hide a swapped axis or a half-pixel shift.
CAMERA = Pinhole(fx=151.0, fy=139.0, cx=83.3, cy=55.7, width=160, height=120)
PLAIN_SENSOR = Sensor(key=0.4, tint=(1.0, 1.0, 1.0), saturation=1.0, contrast=1.0, vignette=0.0, blur=0.0, noise=0.0)


def new_kit() -> Kit:
    return Kit(np.random.default_rng(5), KITTI)


def sunlight(direction: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Outdoor:
    toward = np.asarray(direction, np.float32) / np.float32(np.linalg.norm(direction))
    sky = random_sky(np.random.default_rng(3), toward, 0.0)
    return Outdoor(sky, np.full(3, 2, np.float32), np.full(3, 0.3, np.float32), np.full(3, 0.05, np.float32), haze=0.0)


def finish(kit: Kit, light: Outdoor | None = None, sensor: Sensor = PLAIN_SENSOR) -> Renderer:
    return Renderer(kit.builder.build(), kit.table.columns(), light or sunlight(), sensor, KITTI.class_ids(("sky",))[0])


def pixel_rays(camera: Pinhole, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel's ray written out from the pinhole equation: directions in camera and world, (H, W, 3) float64."""
    local = np.array(
        [
            [((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1.0) for u in range(camera.width)]
            for v in range(camera.height)
        ]
    )
    return local, local @ pose[:3, :3].T


def points_of(depth: np.ndarray, camera: Pinhole, pose: np.ndarray) -> np.ndarray:
    """Every pixel's point in the world, (H, W, 3) metres."""
    return pose[:3, 3] + pixel_rays(camera, pose)[1] * depth[..., None]
