# SPDX-License-Identifier: Apache-2.0
"""Tables, desks, counters: what has a top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, linear
from joint_perception.learning.worlds.mesh import Builder
from joint_perception.learning.worlds.rooms.piece import Piece, metal, white, wood

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit


def _top(kit: Kit, label: str) -> int:
    if kit.chance(0.12):
        return kit.material(label, linear(0.12, 0.16, 0.15), gloss=0.3)
    return wood(kit, label)


def table(kit: Kit, *, low: bool = False) -> Piece:
    """A dining table, or with `low` a coffee table."""
    b = Builder()
    height = kit.between(0.35, 0.5) if low else kit.between(0.7, 0.78)
    w, d = kit.between(0.8, 1.9), kit.between(0.5, 0.95)
    top, leg = _top(kit, "table"), wood(kit, "table") if kit.chance(0.7) else metal(kit, "table")
    if kit.chance(0.2):
        radius = d * 0.6
        b.cylinder((0, radius, height - 0.04), 0.04, radius, radius, top, 24)
        b.lathe((0, radius, 0), [(radius * 0.6, 0), (radius * 0.5, 0.03), (0.05, 0.08), (0.04, height - 0.04)], leg)
        return Piece(b.build(), 2 * radius, 2 * radius, height, height)
    thick, post, inset = kit.between(0.02, 0.07), kit.between(0.03, 0.1), kit.between(0, 0.08)
    b.box((0, d / 2, height - thick / 2), (w, d, thick), top)
    for x in (-1, 1):
        for y in (inset + post / 2, d - inset - post / 2):
            b.box((x * (w / 2 - inset - post / 2), y, (height - thick) / 2), (post, post, height - thick), leg)
    if kit.chance(0.5):
        for y in (inset + 0.02, d - inset - 0.02):
            b.box((0, y, height - thick - 0.05), (w - 2 * inset, 0.02, 0.09), leg)
    if low and kit.chance(0.5):
        b.box((0, d / 2, height * 0.3), (w - 0.1, d - 0.1, 0.02), leg)
    return Piece(b.build(), w, d, height, height)


def desk(kit: Kit) -> Piece:
    """A desk with drawers on one side or both."""
    b, body = Builder(), wood(kit, "desk")
    w, d, height = kit.between(1.0, 1.8), kit.between(0.55, 0.8), kit.between(0.7, 0.77)
    handle = metal(kit, "desk")
    b.box((0, d / 2, height - 0.015), (w, d, 0.03), _top(kit, "desk"))
    both = kit.chance(0.3)
    for side in (-1, 1):
        x = side * (w / 2 - 0.2)
        if both or side > 0:
            b.box((x, d / 2, height / 2), (0.38, d - 0.06, height - 0.06), body)
            for z in np.linspace(0.15, height - 0.15, 3):
                b.box((x, d - 0.025, z), (0.34, 0.02, 0.19), body)
                b.box((x, d, z), (0.12, 0.03, 0.015), handle)
        else:
            b.box((side * (w / 2 - 0.02), d / 2, height / 2), (0.04, d - 0.06, height - 0.03), body)
    b.box((0, 0.03, height * 0.65), (w - 0.1, 0.02, height * 0.6), body)
    return Piece(b.build(), w, d, height, height)


def counter(kit: Kit, w: float) -> Piece:
    """A kitchen counter of that width: cupboards below (cabinet), the top with sink and stove."""
    b = Builder()
    d, height = 0.62, kit.between(0.86, 0.94)
    doors, handle, dark = wood(kit, "cabinet"), metal(kit, "cabinet"), kit.material("cabinet", linear(0.1, 0.1, 0.1))
    stone = kit.material(
        "counter",
        hsv(kit.rng, (0.02, 0.15), (0, 0.4), (0.1, 0.85)),
        kit.one_of(("rough", "asphalt", "plain")),
        tile=0.6,
        gloss=kit.between(0.01, 0.08),
    )
    b.box((0, d / 2, 0.05), (w, d - 0.12, 0.1), dark)
    b.box((0, d / 2 - 0.02, height / 2 + 0.04), (w, d - 0.06, height - 0.12), doors)
    b.box((0, d / 2, height - 0.02), (w, d, 0.04), stone)
    n = max(1, round(w / 0.5))
    for i in range(n):
        x, span = w * ((i + 0.5) / n - 0.5), w / n
        b.box((x, d - 0.04, 0.42), (span - 0.02, 0.02, 0.58), doors)
        b.box((x, d - 0.04, height - 0.13), (span - 0.02, 0.02, 0.15), doors)
        b.box((x, d - 0.02, height - 0.13), (span * 0.4, 0.025, 0.015), handle)
        b.box((x + span * 0.35, d - 0.02, 0.6), (0.015, 0.025, 0.14), handle)
    if kit.chance(0.7):
        steel = metal(kit, "sink")
        x = kit.between(-0.3, 0.3) * w
        b.box((x, d / 2 + 0.05, height + 0.004), (0.55, 0.4, 0.01), steel)
        b.box(
            (x, d / 2 + 0.05, height + 0.006),
            (0.45, 0.3, 0.012),
            kit.material("sink", linear(0.25, 0.26, 0.27), gloss=0.1),
        )
        points = np.array([[x, 0.1, height], [x, 0.1, height + 0.25], [x, 0.28, height + 0.25]])
        b.tubes(points[:-1], points[1:], np.full(2, 0.015), np.full(2, 0.012), steel, 7)
    b.box((0, 0.01, height + 0.05), (w, 0.02, 0.1), stone)
    return Piece(b.build(), w, d, height, height)


def wash_stand(kit: Kit) -> Piece:
    """A bathroom sink, on a column or on a cupboard."""
    b, ware = Builder(), white(kit, "sink")
    w, d, height = kit.between(0.5, 0.8), kit.between(0.4, 0.52), kit.between(0.8, 0.9)
    if kit.chance(0.5):
        b.lathe((0, d * 0.4, 0), [(0.11, 0), (0.08, height * 0.5), (0.14, height - 0.1)], ware)
    else:
        b.box((0, d / 2, (height - 0.1) / 2), (w, d - 0.04, height - 0.12), wood(kit, "cabinet"))
    b.ellipsoid((0, d / 2, height - 0.07), (w, d, 0.2), ware, power=0.4)
    b.ellipsoid(
        (0, d / 2 + 0.03, height + 0.025), (w * 0.7, d * 0.6, 0.03), kit.material("sink", linear(0.55, 0.55, 0.56))
    )
    points = np.array([[0, 0.06, height], [0, 0.06, height + 0.15], [0, 0.18, height + 0.13]])
    b.tubes(points[:-1], points[1:], np.full(2, 0.018), np.full(2, 0.014), metal(kit, "sink"), 7)
    return Piece(b.build(), w, d, height)
