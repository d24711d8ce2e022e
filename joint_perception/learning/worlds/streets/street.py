# SPDX-License-Identifier: Apache-2.0
"""A whole street: lots on both sides, traffic, people, sky; and where a camera may drive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.light import Outdoor
from joint_perception.learning.worlds.sky import random_sky
from joint_perception.learning.worlds.streets.lots import line_side
from joint_perception.learning.worlds.streets.road import END, START, Layout, pave, random_layout
from joint_perception.learning.worlds.streets.traffic import fill_road
from joint_perception.learning.worlds.views import look

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.kit import Kit

_MARGIN = 7.0  # metres that the camera keeps from cars in its lane


@dataclass(frozen=True)
class Street:
    """Where a camera may be in a street.

    Attributes:
        layout: The street's course and widths.
        limit: Metres along it before which the camera's lane is free.
        height: Of the camera above the road.
        light: Sun, sky and haze.
    """

    layout: Layout
    limit: float
    height: float
    light: Outdoor

    def random_pose(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """A view as from a windscreen, now and then from the sidewalk or across the road."""
        s = float(rng.uniform(0, self.limit))
        height = float(np.clip(rng.normal(self.height, 0.08), 1.1, 2.2))
        offset = self.layout.lane + float(rng.normal(0, 0.35))
        turn = float(rng.normal(0, 0.06)) if rng.random() < 0.8 else float(rng.normal(0, 0.4))  # noqa: PLR2004
        if self.layout.walk > 1 and rng.random() < 0.08:  # noqa: PLR2004
            offset = float(rng.choice([-1, 1])) * (self.layout.half + self.layout.walk * 0.4)
        return self._pose(s, offset, height, (turn, float(rng.normal(-0.02, 0.035)), float(rng.normal(0, 0.012))))

    def path(self, frames: int, fps: float, rng: np.random.Generator) -> list[npt.NDArray[np.float64]]:
        """A drive along the lane at up to 9 m/s, slower where the free stretch is short for so many frames."""
        speed = min(9.0, max(self.limit, 1.0) * fps / max(frames, 1))
        sway, bump = rng.uniform(0, 2 * np.pi, 2)
        poses = []
        for i in range(frames):
            t = i / fps
            offset = self.layout.lane + 0.25 * np.sin(0.5 * t + sway)
            angles = (0.02 * np.sin(0.4 * t + bump), -0.02 + 0.004 * np.sin(3.1 * t), 0.004 * np.sin(2.3 * t))
            poses.append(self._pose(speed * t, offset, self.height + 0.008 * np.sin(7 * t), angles))
        return poses

    def _pose(
        self, s: float, offset: float, height: float, angles: tuple[float, float, float]
    ) -> npt.NDArray[np.float64]:
        turn, pitch, roll = angles
        position = self.layout.course.at(s, offset, height)
        return look(position, self.layout.course.heading(s) + turn, pitch, roll)


def build_street(kit: Kit) -> Street:
    """Fill the kit with a random street."""
    layout = random_layout(kit)
    road = pave(kit, layout)
    _ground(kit)
    for side in (-1, 1):
        line_side(kit, layout, side, road)
    first = fill_road(kit, layout)
    return Street(layout, max(4.0, min(first - _MARGIN, END - 90)), kit.between(1.2, 1.65), _weather(kit))


def _ground(kit: Kit) -> None:
    """Grass to the horizon, below everything else."""
    green = kit.material("vegetation", (0.07, 0.1, 0.03), "grass", tile=6, grime=0.6)
    middle, far = (START + END) / 2, 900.0
    kit.builder.quad((middle - far, -far, -0.06), (middle + far, -far, -0.06), (middle + far, far, -0.06),
                     (middle - far, far, -0.06), green)  # fmt: skip


def _weather(kit: Kit) -> Outdoor:
    """Sunshine to drizzle, morning to dusk."""
    rng = kit.rng
    overcast = float(rng.choice([rng.uniform(0, 0.3), rng.uniform(0.3, 1)], p=[0.6, 0.4]))
    height, bearing = rng.uniform(0.15, 1.1), rng.uniform(0, 2 * np.pi)
    sun = np.array([np.cos(bearing) * np.cos(height), np.sin(bearing) * np.cos(height), np.sin(height)], np.float32)
    sky = random_sky(rng, sun, overcast)
    low = max(0.0, 0.5 - height) * 0.8
    color = np.array([1.0, 0.95 - 0.3 * low, 0.88 - 0.7 * low])
    # Clear days: about four times as much light from the sun as from the sky; none on grey ones.
    strength = rng.uniform(0.6, 2.2) * (1 - overcast) ** 1.5
    ambient = (sky.zenith * 0.4 + sky.horizon * 0.35 + 0.1) * rng.uniform(0.35, 0.9)
    return Outdoor(
        sky, (color * strength).astype(np.float32), ambient.astype(np.float32),
        ((ambient + 0.25 * strength * np.sin(height)) * np.array([0.26, 0.24, 0.21])).astype(np.float32),
        haze=float(rng.choice([1 / 2500, 1 / 900, 1 / 350], p=[0.5, 0.35, 0.15])),
    )  # fmt: skip
