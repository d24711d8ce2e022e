# SPDX-License-Identifier: Apache-2.0
"""The sky: a gradient, clouds, the glow about the sun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, linear
from joint_perception.learning.worlds.patterns import SIZE, noise
from joint_perception.learning.worlds.textures import bilinear
from joint_perception.learning.worlds.vectors import dot

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sky:
    """Radiance of the sky.

    Attributes:
        zenith: (3,) linear RGB overhead.
        horizon: (3,) at the horizon; distant things fade to it.
        cloud: (3,) of a full cloud.
        cover: (256, 256) float32 cloud density 0..1, periodic.
        sun: (3,) unit vector to the sun.
        glow: Brightness of the haze about the sun.
    """

    zenith: Array
    horizon: Array
    cloud: Array
    cover: Array
    sun: Array
    glow: float

    def radiance(self, directions: Array) -> Array:
        """(N, 3) float32 linear RGB seen along (N, 3) unit directions."""
        up = np.clip(directions[:, 2], 0, 1)
        mix = ((1 - up) ** 4)[:, None]
        color = self.zenith * (1 - mix) + self.horizon * mix
        plane = directions[:, :2] / (up + 0.12)[:, None] * np.float32(SIZE * 0.22)
        density = bilinear(self.cover, plane)[:, None] * np.clip(up * 12, 0.3, 1)[:, None]
        near = np.clip(dot(directions, self.sun), 0, 1)[:, None]
        color = color * (1 - density) + self.cloud * density
        radiance: Array = (color + self.glow * (near**24 + 4 * near**400)).astype(np.float32)
        return radiance


def random_sky(rng: np.random.Generator, sun: Array, overcast: float) -> Sky:
    """A sky between clear (`overcast` 0) and grey all over (1), lit by a sun of direction `sun`."""
    blue = np.array(hsv(rng, (0.55, 0.62), (0.35, 0.75), (0.6, 0.95)))
    gray = np.array(linear(*(rng.uniform(0.55, 0.85) * np.array([0.97, 1.0, 1.03]))))
    zenith = blue * (1 - overcast) + gray * overcast
    pale = np.array(linear(0.86, 0.9, 0.95)) * rng.uniform(0.8, 1.2)
    horizon = zenith * 0.3 + pale * 0.7
    amount = rng.uniform(-1.2, 1.0) * (1 - overcast) + overcast * 1.2
    shade = noise(rng, rng.uniform(1.4, 1.9), stretch=rng.uniform(0.4, 1.0))
    cover = np.clip((shade + amount) * rng.uniform(0.25, 0.7), 0, 1)
    white = np.full(3, rng.uniform(0.7, 1.15)) * (1 - overcast) + gray * rng.uniform(0.6, 1.3) * overcast
    glow = float(rng.uniform(0.1, 0.6) * (1 - 0.8 * overcast))
    single = np.float32
    return Sky(zenith.astype(single), horizon.astype(single), white.astype(single), cover.astype(single), sun, glow)
