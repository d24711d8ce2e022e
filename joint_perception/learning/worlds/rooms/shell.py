# SPDX-License-Identifier: Apache-2.0
"""The room itself: floor, walls, ceiling, doors, windows, and what hangs on walls.

Things for walls stand on y = 0, look along y > 0 and have their middle at x = 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, linear, natural, shaded
from joint_perception.learning.worlds.mesh import Builder
from joint_perception.learning.worlds.rooms.fittings import hanging
from joint_perception.learning.worlds.rooms.piece import cloth, metal, paint, white, wood
from joint_perception.learning.worlds.rooms.storage import books, knick_knack

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh


def enclose(kit: Kit, size: tuple[float, float, float], *, wet: bool) -> None:
    """Floor, ceiling and four walls around (0, 0, 0) to `size`; `wet` for kitchens and bathrooms."""
    w, d, h = size
    b = kit.builder
    b.quad((0, 0, 0), (w, 0, 0), (w, d, 0), (0, d, 0), _floor(kit, wet=wet))
    b.quad((0, 0, h), (w, 0, h), (w, d, h), (0, d, h), _ceiling(kit))
    papers = [_paper(kit, wet=wet)] * 4
    if kit.chance(0.2):
        papers[kit.count(0, 3)] = _paper(kit, wet=False)
    corners = [(0, 0), (w, 0), (w, d), (0, d), (0, 0)]
    skirting = wood(kit, "wall") if kit.chance(0.7) else None
    for i, paper in enumerate(papers):
        (x0, y0), (x1, y1) = corners[i], corners[i + 1]
        b.quad((x0, y0, 0), (x1, y1, 0), (x1, y1, h), (x0, y0, h), paper)
        if skirting is not None:
            middle, span = ((x0 + x1) / 2, (y0 + y1) / 2, 0.05), (abs(x1 - x0) + 0.03, abs(y1 - y0) + 0.03, 0.1)
            b.box(middle, span, skirting)
    if kit.chance(0.15):
        beam = wood(kit, "otherstructure")
        for y in np.arange(0.6, d, kit.between(0.8, 1.4)):
            b.box((w / 2, y, h - 0.08), (w, 0.14, 0.16), beam)
    if kit.chance(0.25):
        edge = kit.between(0.15, 0.4)
        corner = (
            (w - edge / 2, kit.between(0.2, d - 0.2)) if kit.chance(0.5) else (kit.between(0.2, w - 0.2), d - edge / 2)
        )
        b.box((*corner, h / 2), (edge, edge, h), white(kit, "otherstructure", 0.0))


def _floor(kit: Kit, *, wet: bool) -> int:
    kind = kit.one_of(("boards", "tiles", "carpet"), (0.3, 0.6, 0.1) if wet else (0.5, 0.12, 0.38))
    if kind == "boards":
        return kit.material(
            "floor",
            hsv(kit.rng, (0.03, 0.1), (0.3, 0.7), (0.25, 0.8)),
            kind,
            tile=kit.between(1.0, 2.0),
            gloss=kit.between(0, 0.03),
        )
    if kind == "tiles":
        grout = linear(*[kit.between(0.3, 0.8)] * 3)
        return kit.material(
            "floor",
            hsv(kit.rng, (0.02, 0.15), (0, 0.4), (0.3, 0.95)),
            kind,
            second=grout,
            tile=kit.between(1.0, 2.5),
            gloss=kit.between(0, 0.035),
        )
    return kit.material("floor", natural(kit.rng, (0, 0.4), (0.2, 0.8)), kind, tile=1.5, grime=0.5)


def _ceiling(kit: Kit) -> int:
    value = kit.between(0.75, 0.97)
    color = linear(value, value, value * kit.between(0.93, 1.0))
    if kit.chance(0.25):
        return kit.material("ceiling", color, "tiles", second=linear(*[value * 0.85] * 3), tile=kit.between(1.2, 3.6))
    return kit.material("ceiling", color, "plain", grime=0.08)


def _paper(kit: Kit, *, wet: bool) -> int:
    """Paint, wallpaper, tiles, bricks or panelling."""
    kind = kit.one_of(
        ("plain", "blobs", "stripes", "tiles", "brick", "slats"),
        (0.5, 0, 0, 0.5, 0, 0) if wet else (0.8, 0.06, 0.05, 0, 0.04, 0.05),
    )
    color = (
        hsv(kit.rng, (0.02, 0.2), (0.0, 0.25), (0.6, 0.97))
        if kit.chance(0.7)
        else natural(kit.rng, (0.1, 0.55), (0.4, 0.9))
    )
    near = shaded(color, kit.between(0.75, 1.2))
    return kit.material(
        "wall",
        color,
        kind,
        second=near,
        third=shaded(near, 0.9),
        tile=kit.between(0.6, 1.6),
        grime=kit.between(0.02, 0.2),
        gloss=0.03 if kind == "tiles" else 0.0,
    )


def door(kit: Kit) -> tuple[Mesh, float, float]:
    """A closed or narrow open door in its frame: mesh, width, height."""
    b, w, h = Builder(), kit.between(0.75, 1.0), kit.between(1.98, 2.1)
    frame, leaf = wood(kit, "door"), wood(kit, "door")
    for side in (-1, 1):
        b.box((side * (w / 2 + 0.04), 0.02, h / 2), (0.09, 0.06, h), frame)
    b.box((0, 0.02, h + 0.04), (w + 0.17, 0.06, 0.09), frame)
    b.box((0, 0.01, h / 2), (w, 0.03, h), leaf)
    if kit.chance(0.6):
        rows, columns = kit.count(1, 3), kit.count(1, 2)
        for i in range(columns):
            for k in range(rows):
                x, z = w * ((i + 0.5) / columns - 0.5), h * (k + 0.5) / rows
                b.box((x, 0.026, z), (w / columns - 0.16, 0.015, h / rows - 0.18), leaf)
    b.ellipsoid((w * 0.42, 0.06, 1.0), (0.1 if kit.chance(0.5) else 0.05, 0.05, 0.04), metal(kit, "door"), rings=5)
    return b.build(), w + 0.17, h + 0.08


def window(kit: Kit, width: float, low: float, high: float) -> tuple[Mesh, bool]:
    """A window with daylight behind, maybe with curtains or blinds; and whether it lets light in."""
    b, middle, h = Builder(), (low + high) / 2, high - low
    frame = white(kit, "window", 0.02) if kit.chance(0.7) else wood(kit, "window")
    bright = kit.between(0.6, 2.5)
    outside = kit.material(
        "window",
        hsv(kit.rng, (0.5, 0.62), (0.05, 0.4), (0.6, 1.0)),
        kit.one_of(("painting", "leaves", "plain")),
        second=hsv(kit.rng, (0.2, 0.35), (0.1, 0.5), (0.2, 0.7)),
        third=hsv(kit.rng, (0, 0.2), (0, 0.4), (0.4, 0.9)),
        tile=1,
        gloss=0.08,
        glow=bright,
    )
    b.box((0, 0.0, middle), (width, 0.02, h), outside, fit=True)
    for x in np.linspace(-0.5, 0.5, kit.count(2, 4)):
        b.box((x * width, 0.02, middle), (0.06, 0.05, h), frame)
    for z in np.linspace(low, high, kit.count(2, 3)):
        b.box((0, 0.02, float(z)), (width + 0.06, 0.05, 0.06), frame)
    b.box((0, 0.06, low - 0.03), (width + 0.15, 0.15, 0.03), frame)
    cover = kit.one_of(("none", "curtains", "blinds"), (0.3, 0.4, 0.3))
    if cover == "curtains":
        reach, foot = kit.between(0.15, 0.5) * width, 0.05 if kit.chance(0.5) else max(low - 0.2, 0.05)
        for side in (-1, 1):
            span = sorted((side * (width / 2 + 0.15), side * (width / 2 + 0.15 - reach)))
            b.place(hanging(kit, "curtain", (span[0], span[1]), (foot, high + 0.12), 0.03), (0, 0.11, 0))
        rod = np.array([[-width / 2 - 0.25, 0.11, high + 0.13]])
        b.tubes(rod, rod * (-1, 1, 1), np.array([0.013]), np.array([0.013]), metal(kit, "curtain"))
    elif cover == "blinds":
        drop = kit.between(0.25, 1.0) * h
        material = kit.material(
            "blinds",
            hsv(kit.rng, (0.05, 0.15), (0, 0.3), (0.6, 0.97)),
            "slats",
            tile=kit.between(0.3, 0.8),
            glow=0.1 * bright,
            through=0.3,
        )
        b.box((0, 0.06, high - drop / 2), (width * 0.98, 0.015, drop), material)
        b.box((0, 0.06, high + 0.02), (width, 0.05, 0.06), material)
    return b.build(), cover != "blinds"


def picture(kit: Kit, label: str = "picture") -> tuple[Mesh, float, float]:
    """A framed picture, mirror, whiteboard or poster, its middle at z = 0: mesh, width, height."""
    b = Builder()
    w, h = kit.between(0.25, 0.9), kit.between(0.25, 0.9)
    if label == "whiteboard":
        w, h = kit.between(1.2, 2.2), kit.between(0.8, 1.2)
        face = kit.material(
            label,
            linear(0.93, 0.94, 0.94),
            "print",
            second=natural(kit.rng, (0.5, 0.9), (0.2, 0.6)),
            tile=1,
            gloss=0.04,
        )
        if kit.chance(0.5):
            face = white(kit, label, 0.05)
    elif label == "mirror":
        w, h = kit.between(0.4, 1.1), kit.between(0.6, 1.3)
        face = kit.material(label, linear(0.3, 0.32, 0.32), gloss=0.85, grime=0)
    else:
        colors = [natural(kit.rng, (0, 0.8), (0.15, 0.95)) for _ in range(3)]
        face = kit.material(
            label,
            colors[0],
            kit.one_of(("painting", "blobs"), (0.85, 0.15)),
            second=colors[1],
            third=colors[2],
            tile=1,
            gloss=float(kit.rng.choice([0.0, 0.06])),
            grime=0,
        )
    frame = wood(kit, label) if kit.chance(0.7) else metal(kit, label)
    border = kit.between(0.015, 0.06)
    b.box((0, 0.01, 0), (w, 0.02, h), face, fit=True)
    if label == "picture" and kit.chance(0.4):
        mat = white(kit, label, 0.0)
        for x in (-1, 1):
            b.box((x * w * 0.44, 0.012, 0), (w * 0.12, 0.022, h), mat)
            b.box((0, 0.012, x * h * 0.44), (w, 0.022, h * 0.12), mat)
    for side in (-1, 1):
        b.box((side * w / 2, 0.015, 0), (border, 0.035, h + border), frame)
        b.box((0, 0.015, side * h / 2), (w + border, 0.035, border), frame)
    return b.build(), w + border, h + border


def hung(kit: Kit, kind: str) -> tuple[Mesh, float, float]:
    """A towel on its rail, clothes on hooks, a board with books or things; middle at z = 0: mesh, width, height."""
    b = Builder()
    if kind == "shelf":
        w = kit.between(0.5, 1.1)
        b.box((0, 0.11, 0), (w, 0.22, 0.025), wood(kit, "shelves"))
        if kit.chance(0.6):
            books(kit, b, (-w / 2 + 0.03, w * kit.between(-0.1, 0.45)), 0.2, 0.013, 0.3)
        else:
            for x in np.arange(-w / 2 + 0.1, w / 2 - 0.05, 0.2):
                knick_knack(kit, b, (float(x), 0.11, 0.013), 0.25)
        return b.build(), w, 0.4
    w, h = (
        (kit.between(0.4, 0.7), kit.between(0.5, 0.8))
        if kind == "towel"
        else (kit.between(0.4, 0.9), kit.between(0.7, 1.0))
    )
    for i in range(1 if kind == "towel" else kit.count(2, 3)):
        low = -w / 2 if kind == "towel" else -w / 2 + i * 0.22
        high = w / 2 if kind == "towel" else low + 0.35
        b.place(
            hanging(kit, kind, (low, high), (-h / 2, h / 2), 0.015 if kind == "towel" else 0.05),
            (0, 0.08 + 0.02 * i, 0),
        )
    rail = np.array([[-w / 2 - 0.05, 0.07, h / 2]])
    b.tubes(rail, rail * (-1, 1, 1), np.array([0.01]), np.array([0.01]), metal(kit, "otherprop"))
    return b.build(), w + 0.1, h


def rug(kit: Kit, width: float, depth: float) -> Mesh:
    """A floor mat, its middle at the origin."""
    b = Builder()
    material = (
        cloth(kit, "floor-mat")
        if kit.chance(0.6)
        else kit.material(
            "floor-mat",
            natural(kit.rng, (0.1, 0.8), (0.15, 0.8)),
            "blobs",
            second=natural(kit.rng, (0.1, 0.7), (0.2, 0.8)),
            tile=1.5,
        )
    )
    edge = paint(kit, "floor-mat")
    b.box((0, 0, 0.006), (width, depth, 0.012), edge)
    b.box((0, 0, 0.008), (width - 0.16, depth - 0.16, 0.012), material)
    return b.build()
