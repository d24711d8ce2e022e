# SPDX-License-Identifier: Apache-2.0
"""The texture bank: every pattern in a few variants, with mip levels, sampled by many rays at once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.patterns import PATTERNS, SIZE

if TYPE_CHECKING:
    import numpy.typing as npt

_BANK_SEED = 20200
_LEVELS = SIZE.bit_length()  # 256, 128, ..., 1
_SIZES = np.array([SIZE >> level for level in range(_LEVELS)], np.int32)
_STARTS = np.concatenate([[0], np.cumsum(_SIZES.astype(np.int64) ** 2)]).astype(np.int32)
_TEXELS = int(_STARTS[-1])


class TextureBank:
    """All textures as one array of texels; the same in every process.

    A texel holds four bytes: weight of the second colour, weight of the third, half the brightness, nothing.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(_BANK_SEED)
        chains: list[npt.NDArray[np.uint8]] = []
        self._variants: dict[str, range] = {}
        for name, (draw, count) in PATTERNS.items():
            self._variants[name] = range(len(chains), len(chains) + count)
            chains.extend(_mip_chain(draw(rng)) for _ in range(count))
        self._texels = np.concatenate(chains).view(np.uint32).ravel()

    def pick(self, rng: np.random.Generator, name: str) -> int:
        """Index of one variant of that pattern.

        Raises:
            KeyError: No such pattern; the names are those of `patterns.PATTERNS`.
        """
        return int(rng.choice(self._variants[name]))

    def sample(
        self, texture: npt.NDArray[np.int32], uv: npt.NDArray[np.float32], footprint: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Filtered texels.

        Args:
            texture: (N,) index of each sample's texture.
            uv: (N, 2) coordinates in tiles; they repeat.
            footprint: (N,) width of the sample's pixel in tiles: picks the mip level.

        Returns:
            (N, 3) float32: weights 0..1 of the second and third colour, brightness 0..2.
        """
        level = np.log2(np.maximum(footprint * SIZE, 1.0)) + 0.25
        level = np.minimum(level.astype(np.int32), _LEVELS - 1)
        size = _SIZES[level]
        base = texture * _TEXELS + _STARTS[level]
        place = uv * size.astype(np.float32)[:, None] - np.float32(0.5)
        corner = np.floor(place)
        fraction = place - corner
        u0, v0 = (corner.astype(np.int32) & (size - 1)[:, None]).T
        u1, v1 = (u0 + 1) & (size - 1), (v0 + 1) & (size - 1)
        fu, fv = fraction[:, :1], fraction[:, 1:]
        lower = self._fetch(base + v0 * size + u0) * (1 - fu) + self._fetch(base + v0 * size + u1) * fu
        upper = self._fetch(base + v1 * size + u0) * (1 - fu) + self._fetch(base + v1 * size + u1) * fu
        texels: npt.NDArray[np.float32] = lower * (1 - fv) + upper * fv
        return texels[:, :3] * np.array([1 / 255, 1 / 255, 2 / 255], np.float32)

    def _fetch(self, index: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        return self._texels[index].view(np.uint8).reshape(-1, 4).astype(np.float32)


def bilinear(field: npt.NDArray[np.float32], place: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(N,) values of a periodic (256, 256) field at (N, 2) places in cells."""
    corner = np.floor(place)
    fu, fv = (place - corner).T
    u, v = corner.astype(np.int32).T & (SIZE - 1)
    u1, v1 = (u + 1) & (SIZE - 1), ((v + 1) & (SIZE - 1)) * SIZE
    v, flat = v * SIZE, field.ravel()
    lower = flat[v + u] * (1 - fu) + flat[v + u1] * fu
    upper = flat[v1 + u] * (1 - fu) + flat[v1 + u1] * fu
    values: npt.NDArray[np.float32] = lower * (1 - fv) + upper * fv
    return values


@lru_cache(maxsize=1)
def bank() -> TextureBank:
    """The bank, drawn on first use (about a second)."""
    return TextureBank()


def _mip_chain(texture: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """All levels of a (256, 256, 3) texture, flattened: (texels, 4) uint8."""
    levels = []
    current = np.pad(texture * np.array([255, 255, 127.5], np.float32), ((0, 0), (0, 0), (0, 1)))
    while True:
        levels.append(np.rint(current).astype(np.uint8).reshape(-1, 4))
        size = len(current)
        if size == 1:
            return np.concatenate(levels)
        current = current.reshape(size // 2, 2, size // 2, 2, 4).mean((1, 3))
