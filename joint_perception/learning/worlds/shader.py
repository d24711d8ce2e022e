# SPDX-License-Identifier: Apache-2.0
"""Colour of surfaces: texture, light and shadow, reflections."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.patterns import SIZE, noise
from joint_perception.learning.worlds.textures import bank, bilinear
from joint_perception.learning.worlds.vectors import dot

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.light import Indoor, Outdoor
    from joint_perception.learning.worlds.materials import MaterialColumns
    from joint_perception.learning.worlds.tracer import Surface, Tracer

    Array = npt.NDArray[np.float32]

_GRIME_TILE = 7.0  # metres; no multiple of any pattern's period
_MIRRORS = 0.045  # gloss below this shows no reflection worth a ray


class Shader:
    """Turns surfaces into colours."""

    def __init__(self, tracer: Tracer, materials: MaterialColumns, light: Indoor | Outdoor) -> None:
        self._tracer = tracer
        self._materials = materials
        self._light = light
        self._grime = _grime()

    def albedo(self, surface: Surface, footprint: Array) -> Array:
        """(N, 3) linear colour of the surfaces themselves; `footprint` (N,) is a pixel's width there in metres."""
        table = self._materials
        rate = table.shares[surface.material, 4]
        mixed = bank().sample(table.texture[surface.material], surface.uv * rate[:, None], footprint * rate)
        colors = table.colors[surface.material]
        first, second = mixed[:, :1], mixed[:, 1:2]
        color = colors[:, :3] * (1 - first) + colors[:, 3:6] * first
        color = (color * (1 - second) + colors[:, 6:9] * second) * mixed[:, 2:]
        stain = self._stains(surface)
        albedo: Array = color * (1 + (stain - 1) * table.shares[surface.material, 2])[:, None]
        return albedo

    def _stains(self, surface: Surface) -> Array:
        """(N,) brightness about 1 that varies over metres: dirt, wear, uneven paint."""
        place = surface.point[:, :2] + surface.point[:, 2:] * np.array([0.61, 0.83], np.float32)
        return bilinear(self._grime, place * np.float32(SIZE / _GRIME_TILE))

    def shadows(self, surface: Surface, dice: Array) -> tuple[Array, Array]:
        """One throw of the dice for each point.

        Args:
            surface: N points.
            dice: (N, 4) random numbers 0..1.

        Returns:
            (N, 3) direct light were nothing in its way; (N, 2) the shares that arrive, of direct light and of
            light from around: noisy, to be smoothed over neighbours.
        """
        through = self._materials.shares[surface.material, 3]
        direct, arrives = self._light.direct(surface, self._tracer, dice[:, :2], through)
        around = _hemisphere(surface.normal, dice[:, 2:])
        reach = np.full(len(around), self._light.occlusion_reach, np.float32)
        open_ = ~self._tracer.blocked(surface.lifted(), around, reach)
        return direct, np.stack([arrives, open_.astype(np.float32)], axis=1)

    def color(self, surface: Surface, directions: Array, footprint: Array, direct: Array, shares: Array) -> Array:
        """(N, 3) linear radiance towards the eye.

        Args:
            surface: N points.
            directions: (N, 3) unit, from the eye to them.
            footprint: (N,) metres.
            direct: (N, 3) of `shadows`.
            shares: (N, 2) of `shadows`, smoothed.
        """
        columns = self._materials.shares[surface.material]
        # Corners are never quite dark: light gets there by more than one bounce.
        around = self._light.around(surface.normal) * (0.3 + 0.7 * shares[:, 1:])
        albedo = self.albedo(surface, footprint)
        color = albedo * (direct * shares[:, :1] + around) + albedo * columns[:, 1:2]
        shiny = np.flatnonzero(columns[:, 0] > _MIRRORS)
        if len(shiny):
            self._reflect(color, surface.take(shiny), directions[shiny], columns[shiny, 0], shiny)
        return self._light.veil(color, surface.distance)

    def _reflect(
        self, color: Array, surface: Surface, directions: Array, gloss: Array, rows: npt.NDArray[np.intp]
    ) -> None:
        """Add what shiny surfaces mirror to their rows of `color`."""
        cosine = dot(surface.normal, directions)
        mirrored = directions - 2 * cosine[:, None] * surface.normal
        # Schlick's approximation of Fresnel reflection.
        share = (gloss + (1 - gloss) * np.minimum(gloss * 3, 1) * (1 + cosine).clip(0, 1) ** 5)[:, None]
        hit, seen = self._tracer.cast(surface.lifted(), mirrored)
        radiance = self._light.background(mirrored)
        if hit.any():
            footprint = seen.distance * np.float32(0.02)
            glow = self._materials.shares[seen.material, 1:2]
            found = self.albedo(seen, footprint) * (self._light.plain(seen) + glow)
            radiance[hit] = self._light.veil(found, seen.distance)
        color[rows] = color[rows] * (1 - share) + radiance * share


@lru_cache(maxsize=1)
def _grime() -> Array:
    """(256, 256) brightness about 1: stains on everything, larger than any pattern."""
    rng = np.random.default_rng(0)
    field = 1 + 0.12 * noise(rng, 1.0) - 0.2 * np.clip(noise(rng, 1.5), 0, 1.5)
    return np.clip(field, 0.3, 1.6).astype(np.float32)


def _hemisphere(normal: Array, dice: Array) -> Array:
    """(N, 3) directions about the normals, spread as the cosine."""
    height = dice[:, 0] * 2 - 1
    angle = dice[:, 1] * np.float32(2 * np.pi)
    width = np.sqrt(np.maximum(1 - height**2, 0))
    sphere = np.stack([width * np.cos(angle), width * np.sin(angle), height], axis=1)
    # A point on a sphere that touches the surface from above is cosine-distributed, seen from there.
    directions: Array = (normal + sphere * np.float32(0.999)).astype(np.float32)
    return directions
