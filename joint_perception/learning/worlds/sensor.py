# SPDX-License-Identifier: Apache-2.0
"""From light to pixels: exposure, tone, lens, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.vectors import dot

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709


@dataclass(frozen=True)
class Sensor:
    """A camera's way with light.

    Attributes:
        key: sRGB value, 0..1, that the median of what is exposed for comes to.
        tint: (3,) gains of red, green, blue.
        saturation: 1 as it is, 0 grey.
        contrast: 1 as it is; above, a steeper S-curve.
        vignette: Share of light lost in the corners.
        blur: Share of a pixel's light that falls on its two neighbours, each way.
        noise: Deviation of the read-out noise in 8-bit levels.
    """

    key: float
    tint: tuple[float, float, float]
    saturation: float
    contrast: float
    vignette: float
    blur: float
    noise: float

    def develop(
        self, radiance: Array, exposed: npt.NDArray[np.bool_], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        """The picture.

        Args:
            radiance: (H, W, 3) float32 linear.
            exposed: (H, W) bool: what the exposure is metered on (not the sky); any picture will do without.
            rng: Of the noise.

        Returns:
            (H, W, 3) uint8 sRGB.
        """
        luma = dot(radiance, _LUMA)
        metered = luma[exposed] if exposed.mean() > 0.05 else luma.ravel()  # noqa: PLR2004
        middle = float(np.median(metered[:: max(1, len(metered) // 5000)]))
        light = radiance * np.asarray(self.tint, np.float32) * np.float32(self.key**2.2 / max(middle, 1e-4))
        height, width = luma.shape
        y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
        light *= (1 - np.float32(self.vignette / 2) * (x**2 + (y**2)[:, None]))[..., None]
        gray = dot(light, _LUMA)[..., None]
        light = np.maximum(gray + (light - gray) * np.float32(self.saturation), 0)
        light = _blurred(light, np.float32(self.blur))
        # Highlights roll off instead of clipping hard: linear below the knee, then towards 1.
        knee = np.float32(0.7)
        over = np.maximum(light - knee, 0)
        light = np.minimum(light, knee) + (1 - knee) * over / (over + (1 - knee)) * np.float32(1.25)
        value = np.power(light, np.float32(1 / 2.2))
        value += np.float32(self.contrast - 1) * (value - np.float32(self.key)) * (1 - np.abs(2 * value - 1))
        grain = rng.standard_normal(value.shape, np.float32) * np.float32(self.noise / 255)
        levels: npt.NDArray[np.uint8] = np.clip((value + grain) * 255 + np.float32(0.5), 0, 255).astype(np.uint8)
        return levels


def random_sensor(rng: np.random.Generator, key: tuple[float, float]) -> Sensor:
    """A camera drawn at random, good or poor; `key` is the range of exposures."""
    warm, green = rng.normal(0, 0.06), rng.normal(0, 0.02)
    return Sensor(
        key=float(rng.uniform(*key)),
        tint=(1 + warm, 1 + green, 1 - warm),
        saturation=float(rng.uniform(0.5, 1.15)),
        contrast=float(rng.uniform(0.9, 1.45)),
        vignette=float(rng.uniform(0, 0.35)),
        blur=float(rng.uniform(0, 0.16)),
        noise=float(rng.choice([rng.uniform(0.5, 2), rng.uniform(1, 6)])),
    )


def _blurred(image: Array, share: np.float32) -> Array:
    """Three taps each way."""
    for axis in (0, 1):
        ahead, behind = np.roll(image, -1, axis), np.roll(image, 1, axis)
        last = image.shape[axis] - 1
        for shifted, edge in ((ahead, last), (behind, 0)):
            index = (edge, slice(None)) if axis == 0 else (slice(None), edge)
            shifted[index] = image[index]
        image = image * (1 - 2 * share) + (ahead + behind) * share
    return image
