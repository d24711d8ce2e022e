# SPDX-License-Identifier: Apache-2.0
"""Cars parked and driving, people, lamps, signs and bins along the road."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds import people
from joint_perception.learning.worlds.streets import clutter
from joint_perception.learning.worlds.streets.road import END
from joint_perception.learning.worlds.streets.vehicles import vehicle

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh
    from joint_perception.learning.worlds.streets.road import Layout


def fill_road(kit: Kit, layout: Layout) -> float:
    """Fill a street; returns how far along it (metres) the camera's lane is free."""
    fleet = [vehicle(kit) for _ in range(9)]
    first = _driving(kit, layout, fleet)
    _parked(kit, layout, fleet)
    _sidewalks(kit, layout)
    return first


def _put(
    kit: Kit, layout: Layout, mesh: Mesh, place: tuple[float, float, float], turn: float = 0.0, scale: float = 1.0
) -> None:
    s, offset, z = place
    kit.builder.place(mesh, layout.course.at(s, offset, z), layout.course.heading(s) + turn, scale)


def _some(kit: Kit, fleet: list[Mesh]) -> Mesh:
    return fleet[int(kit.rng.integers(len(fleet)))]


def _driving(kit: Kit, layout: Layout, fleet: list[Mesh]) -> float:
    """Cars ahead in the own lane and oncoming in the other."""
    first = kit.between(12, 170) if kit.chance(0.85) else END
    s = first
    while s < END - 20 and kit.chance(0.8):
        _put(kit, layout, _some(kit, fleet), (s, layout.lane + kit.between(-0.3, 0.3), 0.0), kit.between(-0.03, 0.03))
        s += kit.between(7, 60)
    s = kit.between(5, 60)
    while s < END - 20:
        if kit.chance(0.7):
            turn = np.pi + kit.between(-0.04, 0.04)
            _put(kit, layout, _some(kit, fleet), (s, -layout.lane + kit.between(-0.3, 0.3), 0.0), turn)
        s += kit.between(8, 70)
    for _ in range(int(kit.rng.choice([0, 1, 2], p=[0.55, 0.3, 0.15]))):
        side = layout.drive_side if kit.chance(0.6) else -layout.drive_side
        offset = side * (layout.half - layout.parking - 0.6)
        rider = people.cyclist(kit, None)
        _put(kit, layout, rider, (kit.between(6, 90), offset, 0.0), 0.0 if side == layout.drive_side else np.pi)
    return first


def _parked(kit: Kit, layout: Layout, fleet: list[Mesh]) -> None:
    """Rows of cars at the kerb, or half on the sidewalk."""
    for side in (-1, 1):
        share = kit.between(0.3, 0.95) if layout.parking > 1 else kit.between(0.0, 0.12)
        s = -8.0
        while s < END - 30:
            if kit.chance(share):
                onto = kit.between(0.0, 0.5) if layout.walk and layout.parking < 1 else 0.0
                offset = side * (layout.half - 1.05 + onto * 2)
                turn = 0.0 if kit.chance(0.75) == (side == layout.drive_side) else np.pi
                _put(kit, layout, _some(kit, fleet), (s, offset, onto * layout.kerb), turn + kit.between(-0.04, 0.04))
            s += kit.between(5.3, 7.5) if kit.chance(0.85) else kit.between(8, 30)


def _sidewalks(kit: Kit, layout: Layout) -> None:
    """People, lamps, signs, bins."""
    crowd = [people.person(kit, None) for _ in range(5)]
    lamp = clutter.street_lamp(kit)
    step = kit.between(22, 40)
    for side in (-1, 1):
        kerb = layout.half + (min(0.5, layout.walk * 0.3) if layout.walk else 0.8)
        toward = 0.0 if side > 0 else np.pi  # a lamp's arm reaches over the road
        if kit.chance(0.75):
            for s in np.arange(kit.between(0, step), END, step):
                _put(kit, layout, lamp, (float(s), side * kerb, layout.kerb), toward)
        for _ in range(kit.count(1, 7)):
            facing = kit.between(-0.3, 0.3) + (0.0 if side == layout.drive_side else np.pi)
            mesh = clutter.sign(kit) if kit.chance(0.6) else clutter.bin_or_box(kit)
            _put(kit, layout, mesh, (kit.between(4, 150), side * (kerb + kit.between(-0.1, 0.3)), layout.kerb), facing)
        if kit.chance(0.2) and layout.walk:
            for s in np.arange(0, kit.between(12, 60), 6.0):
                _put(kit, layout, clutter.fence(kit, 6.0), (float(s), side * (layout.half + 0.3), layout.kerb))
        busy = 14 if layout.style in {"shops", "city"} else 5
        for _ in range(kit.count(0, busy)):
            offset = side * (layout.half + kit.between(0.3, max(0.5, layout.walk - 0.3)))
            _put(
                kit,
                layout,
                _some(kit, crowd),
                (kit.between(3, 130), offset, layout.kerb),
                kit.between(0, 6.2),
                kit.between(0.9, 1.08),
            )
    for _ in range(int(kit.rng.choice([0, 1, 3], p=[0.75, 0.15, 0.1]))):
        place = (kit.between(12, 80), kit.between(-layout.half, layout.half), 0.0)
        _put(kit, layout, _some(kit, crowd), place, np.pi / 2)
