# SPDX-License-Identifier: Apache-2.0
"""A whole room: shell, furniture, light; and where a camera may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.light import Indoor
from joint_perception.learning.worlds.materials import hsv
from joint_perception.learning.worlds.rooms import shell
from joint_perception.learning.worlds.rooms.furnish import ROOMS, furnish
from joint_perception.learning.worlds.rooms.plan import Plan
from joint_perception.learning.worlds.views import look

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.kit import Kit

_CLEARANCE = 0.3  # metres between a camera and the nearest furniture
_SWAY = 0.25  # metres that a hand-held camera moves about


@dataclass(frozen=True)
class Room:
    """Where a camera may be in a room.

    Attributes:
        plan: What stands where.
        light: Lamps and windows.
    """

    plan: Plan
    light: Indoor

    def random_pose(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """A view as from a hand or a robot's mast, towards one of the pieces."""
        width, depth, _ = self.plan.size
        best, most = np.array([width / 2, depth / 2]), -1.0
        aim = np.array(self.plan.targets[int(rng.integers(len(self.plan.targets)))] if self.plan.targets else (0, 0, 1))
        for _ in range(12):
            spot = rng.uniform((0.25, 0.25), (width - 0.25, depth - 0.25))
            far = min(float(np.hypot(*(spot - aim[:2]))), 3.5)
            worth = min(self.plan.clearance(*spot), _CLEARANCE) * 10 + far + rng.uniform(0, 0.8)
            if worth > most:
                best, most = spot, worth
        height = float(np.clip(rng.normal(1.4, 0.2), 0.8, 1.9))
        yaw = float(np.arctan2(aim[1] - best[1], aim[0] - best[0]) + rng.normal(0, 0.25))
        pitch = float(np.clip(rng.normal(-0.2, 0.14), -0.7, 0.15))
        return look((*best, height), yaw, pitch, float(rng.normal(0, 0.03)))

    def path(
        self, frames: int, fps: float, rng: np.random.Generator, start: npt.NDArray[np.float64]
    ) -> list[npt.NDArray[np.float64]]:
        """Looking about from one spot, swaying as in a hand."""
        spot, forward = start[:3, 3], start[:3, 2]
        yaw, pitch = float(np.arctan2(forward[1], forward[0])), float(np.arcsin(np.clip(forward[2], -1, 1)))
        sway = min(_SWAY, max(0.03, self.plan.clearance(spot[0], spot[1]) * 0.6))
        phase = rng.uniform(0, 2 * np.pi, 4)
        poses = []
        for i in range(frames):
            t = i / fps
            offset = sway * np.array(
                [np.cos(0.5 * t + phase[0]), np.sin(0.5 * t + phase[0]), 0.3 * np.sin(0.7 * t + phase[1])]
            )
            turn, nod = 0.6 * np.sin(0.35 * t + phase[2]), 0.06 * np.sin(0.6 * t + phase[3])
            poses.append(look(spot + offset, yaw + turn, pitch + nod, 0.01 * np.sin(1.1 * t)))
        return poses


def build_room(kit: Kit) -> Room:
    """Fill the kit with a random room."""
    kind = kit.one_of(ROOMS, (0.27, 0.23, 0.16, 0.09, 0.15, 0.1))
    small = kind == "bathroom"
    size = (
        kit.between(2.0, 3.2) if small else kit.between(3.0, 6.5),
        kit.between(2.2, 3.6) if small else kit.between(3.0, 7.0),
        kit.between(2.3, 3.0),
    )
    plan = Plan(kit, size)
    shell.enclose(kit, size, wet=kind in {"kitchen", "bathroom"})
    for _ in range(kit.count(1, 2)):
        mesh, w, h = shell.door(kit)
        place = plan.on_wall(mesh, (w, h), (0.0, 0.0), centred=False)
        if place:
            plan.keep_clear(place[0], place[1], w, 0.6)
    sources = _windows(kit, plan)
    lamps = furnish(kit, plan, kind)
    return Room(plan, _light(kit, plan, sources, lamps))


Source = tuple[tuple[float, float, float], tuple[float, float, float], float]


def _windows(kit: Kit, plan: Plan) -> list[Source]:
    """Windows; returns (middle, half lengths, strength) of the daylight they let in."""
    sources: list[Source] = []
    for _ in range(kit.count(0, 3)):
        w, low = kit.between(0.7, 2.0), kit.between(0.5, 1.1)
        high = min(low + kit.between(0.8, 1.5), plan.size[2] - 0.25)
        mesh, bright = shell.window(kit, w, low, high)
        place = plan.on_wall(mesh, (w + 0.4, high + 0.2 - low), (0.0, 0.0), centred=False)
        if place and bright:
            wall, along, _ = place
            middle = plan.at_wall(wall, along, 0.25, (low + high) / 2)
            half = np.abs(plan.at_wall(wall, w / 2, 0) - plan.at_wall(wall, 0, 0))[:2]
            sources.append((tuple(middle), (half[0], half[1], (high - low) / 2), kit.between(0.8, 3.0)))
    return sources


def _light(kit: Kit, plan: Plan, windows: list[Source], lamps: list[tuple[float, float, float]]) -> Indoor:
    """Daylight, ceiling lamps, standing lamps, or a flash by the camera's side."""
    w, d, h = plan.size
    warm = np.array([1.0, kit.between(0.78, 0.97), kit.between(0.55, 0.92)])
    day = np.array([kit.between(0.8, 1.0), kit.between(0.9, 1.0), 1.0])
    rows = [(position, half, day * strength) for position, half, strength in windows]
    count = kit.count(0 if rows else 1, 4)
    kind = kit.one_of(("panel", "dome", "pendant"))
    glow = kit.material(
        "lamp" if kind != "panel" else "ceiling",
        hsv(kit.rng, (0.1, 0.15), (0, 0.2), (0.9, 1)),
        glow=kit.between(1.5, 4),
    )
    power = kit.between(1.0, 3.0) / max(count, 1) ** 0.5
    for i in range(count):
        x, y = w * (0.5 if count == 1 else 0.3 + 0.4 * (i % 2)), d * (0.5 if count < 3 else 0.3 + 0.4 * (i // 2))  # noqa: PLR2004
        drop = 0.0
        if kind == "panel":
            kit.builder.box((x, y, h - 0.01), (0.6, 1.2 if kit.chance(0.5) else 0.6, 0.02), glow)
        elif kind == "dome":
            kit.builder.ellipsoid((x, y, h), (0.35, 0.35, 0.2), glow, rings=6)
        else:
            drop = kit.between(0.3, 0.6)
            kit.builder.ellipsoid((x, y, h - drop), (0.3, 0.3, 0.25), glow, rings=6)
            kit.builder.box((x, y, h - drop / 2), (0.015, 0.015, drop), glow)
        rows.append(((x, y, h - drop - 0.2), (0.25, 0.25, 0.02), warm * power))
    rows += [(position, (0.05, 0.05, 0.03), warm * kit.between(0.2, 0.7)) for position in lamps]
    positions, spread, powers = (np.array([row[i] for row in rows], np.float32) for i in range(3))
    ambient = (
        kit.between(0.2, 0.5)
        * (powers.sum(0) / max(powers.sum(), 1e-6) + 0.6)
        / 1.0
        * min(powers.mean() * len(rows), 2.0)
        * 0.5
    )
    return Indoor(positions, spread, powers, ambient.astype(np.float32))
