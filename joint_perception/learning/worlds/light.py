# SPDX-License-Identifier: Apache-2.0
"""Where light comes from: sun and sky in streets, lamps and windows in rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.vectors import dot

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.sky import Sky
    from joint_perception.learning.worlds.tracer import Surface, Tracer

    Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Outdoor:
    """Sun, sky and haze.

    Attributes:
        sky: Its colours, and the direction to the sun.
        sun: (3,) linear RGB irradiance of the sun on a surface that faces it.
        ambient: (3,) of the sky from above.
        bounce: (3,) of light from the ground.
        haze: Share of colour lost per metre to the horizon's.
        occlusion_reach: Metres within which things keep the sky's light off one another.
    """

    sky: Sky
    sun: Array
    ambient: Array
    bounce: Array
    haze: float
    occlusion_reach: float = 3.0

    def direct(self, surface: Surface, tracer: Tracer, dice: Array, through: Array) -> tuple[Array, Array]:
        """Light straight from the source: (N, 3) were nothing in its way, and (N,) the share that arrives.

        Args:
            surface: What is lit, N points of it.
            tracer: The scene, which casts shadows.
            dice: (N, 2) random numbers 0..1.
            through: (N,) share of light that passes the surface from behind.
        """
        facing = dot(surface.normal, self.sky.sun)
        facing = np.maximum(facing, 0) + np.maximum(-facing, 0) * through
        lit = np.flatnonzero(facing > 1e-4)  # noqa: PLR2004
        blur = np.pad(dice[lit] - np.float32(0.5), ((0, 0), (0, 1))) * np.float32(0.02)
        toward = self.sky.sun + blur
        share = np.zeros(len(facing), np.float32)
        reach = np.full(len(lit), 300.0, np.float32)
        share[lit] = ~tracer.blocked(surface.take(lit).lifted(), toward.astype(np.float32), reach)
        return facing[:, None] * self.sun, share

    def around(self, normal: Array) -> Array:
        """(N, 3) light from all about, on surfaces of (N, 3) unit normals."""
        up = (0.5 + 0.5 * normal[:, 2])[:, None]
        around: Array = self.ambient * up + self.bounce * (1 - up)
        return around

    def plain(self, surface: Surface) -> Array:
        """(N, 3) irradiance without any shadow, for what is only seen in reflections."""
        facing = np.maximum(dot(surface.normal, self.sky.sun), 0)[:, None]
        plain: Array = self.around(surface.normal) + facing * self.sun * np.float32(0.6)
        return plain

    def background(self, directions: Array) -> Array:
        """(N, 3) radiance along (N, 3) unit directions that hit nothing."""
        return self.sky.radiance(directions)

    def veil(self, color: Array, distance: Array) -> Array:
        """(N, 3) colours as seen through (N,) metres of air."""
        clear = np.exp(-self.haze * distance)[:, None]
        veiled: Array = color * clear + self.sky.horizon * (1 - clear)
        return veiled


@dataclass(frozen=True)
class Indoor:
    """Lamps, windows as lamps, and light that the walls throw about.

    Attributes:
        positions: (L, 3) metres, middles of the sources.
        spread: (L, 3) metres: half lengths of each source along the axes; softens shadows.
        power: (L, 3) linear RGB irradiance at one metre.
        ambient: (3,) linear RGB from everywhere.
        occlusion_reach: As `Outdoor`.
    """

    positions: Array
    spread: Array
    power: Array
    ambient: Array
    occlusion_reach: float = 1.0

    def direct(self, surface: Surface, tracer: Tracer, dice: Array, through: Array) -> tuple[Array, Array]:
        """As `Outdoor.direct`; one source is drawn for each point, by how much it gives."""
        light, weight = self._unshadowed(surface, through)
        running = np.cumsum(weight, axis=1)
        chosen = (running < dice[:, :1] * running[:, -1:]).sum(1).clip(0, len(self.positions) - 1)
        again = np.stack([dice[:, 1], (dice[:, 0] * 7.31) % 1, (dice[:, 1] * 5.17 + dice[:, 0]) % 1], 1) * 2 - 1
        toward = self.positions[chosen] + self.spread[chosen] * again - surface.point
        # The source itself is a glowing shape in the scene: stop short of it.
        share = ~tracer.blocked(surface.lifted(), toward.astype(np.float32), np.full(len(toward), 0.93, np.float32))
        return light, share.astype(np.float32)

    def _unshadowed(self, surface: Surface, through: Array | float) -> tuple[Array, Array]:
        x, y, z = np.ascontiguousarray(surface.point.T)
        nx, ny, nz = np.ascontiguousarray(surface.normal.T)
        light = np.zeros_like(surface.point)
        weight = np.empty((len(x), len(self.positions)), np.float32)
        for i, (lamp, power) in enumerate(zip(self.positions, self.power, strict=True)):
            dx, dy, dz = lamp[0] - x, lamp[1] - y, lamp[2] - z
            distance = np.sqrt(dx * dx + dy * dy + dz * dz + np.float32(0.05))
            facing = (dx * nx + dy * ny + dz * nz) / distance
            facing = np.maximum(facing, 0) - np.minimum(facing, 0) * through
            # Rooms are lit by light thrown back and forth too: fall off as distance^1.5, not squared.
            arriving = facing / (distance * np.sqrt(distance) + np.float32(0.3))
            weight[:, i] = arriving * power.mean()
            light += arriving[:, None] * power
        return light, weight

    def around(self, normal: Array) -> Array:
        """As `Outdoor.around`; ceilings get less, floors more."""
        around: Array = self.ambient * (1 + 0.2 * normal[:, 2:])
        return around

    def plain(self, surface: Surface) -> Array:
        """As `Outdoor.plain`."""
        plain: Array = self.around(surface.normal) + self._unshadowed(surface, 0.0)[0] * np.float32(0.7)
        return plain

    def background(self, directions: Array) -> Array:
        """What shows where a room has a hole: bright daylight."""
        return np.full_like(directions, 1.5)

    def veil(self, color: Array, distance: Array) -> Array:  # noqa: ARG002  # outdoors it depends on it
        """Rooms have clear air."""
        return color
