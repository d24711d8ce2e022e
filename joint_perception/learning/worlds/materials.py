# SPDX-License-Identifier: Apache-2.0
"""What surfaces are made of: label, colours, texture, gloss, glow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.textures import bank

if TYPE_CHECKING:
    import numpy.typing as npt

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """One material.

    Attributes:
        label: Class id of everything made of it; 255 for void.
        color: Linear RGB albedo 0..1.
        second: Where the texture's first channel is 1; None for a darker `color`.
        third: Where its second channel is 1; None for a lighter `color`.
        texture: Index in the texture bank.
        tile: Metres that the texture spans before it repeats.
        gloss: Share of light that is mirrored, 0..1, seen head-on; more at grazing angles.
        glow: Light given off, in units of a sunlit white wall.
        grime: Strength of large stains, 0..1.
        through: Share of light that passes from behind, as through leaves, 0..1.
    """

    label: int
    color: RGB
    second: RGB | None = None
    third: RGB | None = None
    texture: int = 0
    tile: float = 2.0
    gloss: float = 0.0
    glow: float = 0.0
    grime: float = 0.3
    through: float = 0.0


@dataclass
class MaterialTable:
    """Materials by number, and how their columns look to the shader."""

    rows: list[Material] = field(default_factory=list)

    def add(self, material: Material) -> int:
        """Number of a new material."""
        self.rows.append(material)
        return len(self.rows) - 1

    def columns(self) -> MaterialColumns:
        """All materials as arrays."""
        darker, lighter = 0.6, 1.35
        colors = [
            (m.color, m.second or shaded(m.color, darker), m.third or shaded(m.color, lighter)) for m in self.rows
        ]
        shares = [(m.gloss, m.glow, m.grime, m.through, 1 / m.tile) for m in self.rows]
        return MaterialColumns(
            label=np.array([m.label for m in self.rows], np.uint8),
            texture=np.array([m.texture for m in self.rows], np.int32),
            colors=np.array(colors, np.float32).reshape(-1, 9),
            shares=np.array(shares, np.float32).reshape(-1, 5),
        )


@dataclass(frozen=True)
class MaterialColumns:
    """The material table, column by column.

    Attributes:
        label: (M,) uint8.
        texture: (M,) int32.
        colors: (M, 9) float32: first, second and third colour.
        shares: (M, 5) float32: gloss, glow, grime, through, tiles per metre.
    """

    label: npt.NDArray[np.uint8]
    texture: npt.NDArray[np.int32]
    colors: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]


def shaded(color: RGB, factor: float) -> RGB:
    """The colour times a factor, none above 1."""
    red, green, blue = (min(1.0, factor * c) for c in color)
    return red, green, blue


def linear(red: float, green: float, blue: float) -> RGB:
    """Linear RGB of an sRGB colour, both 0..1 (IEC 61966-2-1, by its 2.2 power approximation)."""
    return (max(red, 0.0) ** 2.2, max(green, 0.0) ** 2.2, max(blue, 0.0) ** 2.2)


def hsv(rng: np.random.Generator, hue: tuple[float, float], saturation: tuple[float, float],
        value: tuple[float, float]) -> RGB:  # fmt: skip
    """A random colour, given as ranges of hue (turns), saturation and value in sRGB; returned linear."""
    h, s, v = rng.uniform(*hue) % 1.0, rng.uniform(*saturation), rng.uniform(*value)
    red, green, blue = (v - v * s * max(0.0, min(k, 4 - k, 1.0)) for k in ((n + 6 * h) % 6 for n in (5, 3, 1)))
    return linear(red, green, blue)


def natural(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> RGB:
    """A random colour as things made by people have them: mostly warm, often blue, seldom purple; linear."""
    hues = ((0.02, 0.15), (0.52, 0.66), (0.2, 0.45), (0.94, 1.02), (0.66, 0.94))
    hue = hues[int(rng.choice(len(hues), p=(0.5, 0.22, 0.12, 0.1, 0.06)))]
    return hsv(rng, hue, saturation, value)


def texture(rng: np.random.Generator, *names: str) -> int:
    """Index of a random variant of one of the patterns named."""
    return bank().pick(rng, names[int(rng.integers(len(names)))])
