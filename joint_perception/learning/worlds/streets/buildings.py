# SPDX-License-Identifier: Apache-2.0
"""Houses, shops, offices and walls. Each stands with its front on y = 0, its width along x, its back at y > 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, linear, natural, shaded
from joint_perception.learning.worlds.mesh import Builder

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh

_LABEL = "building"


@dataclass(frozen=True)
class Look:
    """The materials of a building."""

    wall: int
    base: int
    trim: int
    frame: int
    roof: int
    door: int
    panes: tuple[int, ...]


def random_look(kit: Kit) -> Look:
    """Brick, stone, plaster or cladding, with what goes with it."""
    rng = kit.rng
    kind = kit.one_of(("brick", "brick", "plaster", "plaster", "stone", "rough", "slats"), (4, 2, 3, 2, 1.5, 1.2, 0.5))
    if kind == "brick":
        color = hsv(rng, (0.0, 0.13), (0.15, 0.62), (0.28, 0.72))
        mortar = hsv(rng, (0.08, 0.12), (0.0, 0.2), (0.45, 0.85))
        wall = kit.material(_LABEL, color, "brick", second=mortar, third=shaded(color, 0.4), grime=0.7)
    elif kind in {"plaster", "rough"}:
        color = hsv(rng, (0.04, 0.17), (0.0, 0.4), (0.55, 0.97))
        if kit.chance(0.15):
            color = natural(rng, (0.1, 0.5), (0.5, 0.9))
        wall = kit.material(_LABEL, color, "plain" if kind == "plaster" else "rough", tile=4, grime=0.6)
    else:
        wall = kit.material(
            _LABEL, hsv(rng, (0.06, 0.14), (0.05, 0.35), (0.35, 0.85)), kind, tile=kit.between(1.5, 3), grime=0.7
        )
    return Look(
        wall=wall,
        base=kit.material(
            _LABEL, hsv(rng, (0, 0.12), (0, 0.4), (0.25, 0.6)), kit.one_of(("stone", "rough", "brick")), grime=0.6
        ),
        trim=kit.material(_LABEL, hsv(rng, (0.05, 0.15), (0, 0.2), (0.5, 0.95)), "rough", tile=3, grime=0.6),
        frame=kit.material(
            _LABEL, linear(*[kit.between(0.7, 0.97)] * 3) if kit.chance(0.75) else natural(rng, (0, 0.6), (0.1, 0.5))
        ),
        roof=kit.material(
            _LABEL,
            hsv(rng, (0.0, 0.09), (0.1, 0.65), (0.2, 0.6))
            if kit.chance(0.6)
            else hsv(rng, (0.5, 0.7), (0, 0.15), (0.15, 0.5)),
            "roof",
            tile=kit.between(2, 4),
            grime=0.7,
        ),
        door=kit.material(_LABEL, natural(rng, (0.2, 0.9), (0.1, 0.7)), "panes", tile=1, gloss=0.03),
        panes=tuple(_pane(kit) for _ in range(3)),
    )


def _pane(kit: Kit) -> int:
    """Glass in its frame, the room behind it, and the sky in it."""
    bars = linear(*[kit.between(0.6, 0.95)] * 3) if kit.chance(0.75) else linear(0.15, 0.12, 0.1)
    inside = linear(*[kit.between(0.05, 0.25)] * 3)
    return kit.material(
        _LABEL,
        inside,
        "panes",
        second=linear(*[kit.between(0.3, 0.85)] * 3),
        third=bars,
        tile=1,
        gloss=kit.between(0.06, 0.35),
    )


def house(
    kit: Kit, width: float, depth: float, floors: int, look: Look, *, shop: bool = False, flat: bool = False
) -> Mesh:
    """A house, or with `shop` one with a shop on its ground floor."""
    b, storey = Builder(), kit.between(2.6, 3.2)
    height = floors * storey + 0.3
    b.box((0, depth / 2, height / 2), (width, depth, height), look.wall)
    if kit.chance(0.4):
        b.box((0, depth / 2, 0.4), (width + 0.04, depth + 0.06, kit.between(0.8, 1.2)), look.base)
    if flat:
        b.box((0, depth / 2, height + 0.2), (width + 0.1, depth + 0.2, 0.5), look.trim)
    else:
        _roof(kit, b, (width, depth, height), look)
    first = 0
    if shop:
        _shop_front(kit, b, width, storey, look)
        first = 1
    columns = max(1, round(width / kit.between(1.9, 2.9)))
    size = (kit.between(0.8, min(1.5, 0.75 * width / columns)), kit.between(1.1, 1.8))
    shutters = None
    if kit.chance(0.15):
        shutters = kit.material(_LABEL, natural(kit.rng, (0.1, 0.7), (0.2, 0.9)), "slats", tile=1)
    door = kit.count(0, columns - 1) if not shop else -1
    for floor in range(first, floors):
        z = floor * storey + 0.9 + size[1] / 2
        for column in range(columns):
            x = width * ((column + 0.5) / columns - 0.5)
            if floor == 0 and column == door:
                b.box((x, -0.02, 1.1), (1.0, 0.08, 2.1), look.door, fit=True)
                b.box((x, -0.05, 2.25), (1.3, 0.2, 0.16), look.trim)
                b.box((x, -0.3, 0.08), (1.3, 0.6, 0.16), look.base)
            else:
                _window(kit, b, (x, z), size, look, shutters)
        if floor and kit.chance(0.12):
            b.box((0, -0.04, floor * storey + 0.1), (width, 0.12, 0.16), look.trim)
    _sides(kit, b, (width, depth), (floors, storey), size, look)
    if floors > 1 and kit.chance(0.2):
        _bay(kit, b, width, storey * kit.count(1, 2), look)
    return b.build()


def _window(
    kit: Kit, b: Builder, at: tuple[float, float], size: tuple[float, float], look: Look, shutters: int | None
) -> None:
    (x, z), (w, h) = at, size
    pane = look.panes[int(kit.rng.integers(len(look.panes)))]
    b.box((x, -0.005, z), (w, 0.05, h), pane, fit=True)
    b.box((x, -0.06, z - h / 2 - 0.05), (w + 0.2, 0.2, 0.1), look.trim)
    b.box((x, -0.03, z + h / 2 + 0.08), (w + 0.2, 0.1, 0.18), look.trim)
    for side in (-1, 1):
        b.box((x + side * (w / 2 + 0.03), -0.03, z), (0.06, 0.09, h), look.frame)
        if shutters is not None:
            b.box((x + side * (w * 0.75 + 0.06), -0.04, z), (w * 0.5, 0.06, h), shutters, fit=True)


def _sides(
    kit: Kit, b: Builder, plan: tuple[float, float], storeys: tuple[int, float], size: tuple[float, float], look: Look
) -> None:
    """Windows on the gable ends, where there are any."""
    if kit.chance(0.4):
        return
    (width, depth), (floors, storey) = plan, storeys
    for side in (-1, 1):
        for floor in range(floors):
            for y in (depth * 0.3, depth * 0.7):
                if kit.chance(0.6):
                    z = floor * storey + 0.9 + size[1] / 2
                    b.box((side * width / 2, y, z), (0.06, size[0], size[1]), look.panes[0], fit=True)
                    b.box((side * width / 2, y, z - size[1] / 2 - 0.05), (0.2, size[0] + 0.2, 0.1), look.trim)


def _roof(kit: Kit, b: Builder, size: tuple[float, float, float], look: Look) -> None:
    """Gable along the street, gable to the street, or hipped; chimneys."""
    width, depth, height = size
    rise, eave = kit.between(0.25, 0.5) * min(depth, width * 1.5), 0.3
    kind = kit.one_of(("along", "across", "hip"), (0.6, 0.2, 0.2))
    x0, x1, y0, y1, top = -width / 2, width / 2, -eave, depth + eave, height + rise
    middle = depth / 2
    if kind == "along":
        b.quad((x0, y0, height), (x1, y0, height), (x1, middle, top), (x0, middle, top), look.roof)
        b.quad((x1, y1, height), (x0, y1, height), (x0, middle, top), (x1, middle, top), look.roof)
        gables = [np.array([(x, 0, height), (x, depth, height), (x, middle, top)]) for x in (x0, x1)]
        uv = np.array([[(0.0, height), (depth, height), (middle, top)]])
    elif kind == "across":
        rise = min(rise, 0.6 * width)
        top = height + rise
        for x in (x0 - eave, x1 + eave):
            b.quad((x, y0, height), (x, y1, height), (0, y1, top), (0, y0, top), look.roof)
        gables = [np.array([(x0, y, height), (x1, y, height), (0, y, top)]) for y in (0, depth)]
        uv = np.array([[(0.0, height), (width, height), (width / 2, top)]])
    else:
        inset = min(width / 2 - 0.1, middle)
        b.quad(
            (x0 - eave, y0, height),
            (x1 + eave, y0, height),
            (x1 - inset, middle, top),
            (x0 + inset, middle, top),
            look.roof,
        )
        b.quad(
            (x1 + eave, y1, height),
            (x0 - eave, y1, height),
            (x0 + inset, middle, top),
            (x1 - inset, middle, top),
            look.roof,
        )
        gables = []
        for x, ridge in ((x0 - eave, x0 + inset), (x1 + eave, x1 - inset)):
            b.triangles(
                np.array([[(x, y0, height), (x, y1, height), (ridge, middle, top)]]),
                np.array([[(0.0, 0.0), (y1 - y0, 0.0), (middle, rise)]]),
                look.roof,
            )
    for gable in gables:
        b.triangles(gable[None], uv, look.wall)
    b.box((0, -eave, height - 0.05), (width, 0.12, 0.12), look.frame)
    for _ in range(kit.count(0, 2)):
        x = kit.between(-0.45, 0.45) * width
        b.box((x, middle, top + 0.2), (kit.between(0.5, 1.2), 0.5, 1.8), look.wall)
        for pot in (-0.18, 0.18):
            b.box((x + pot, middle, top + 1.3), (0.2, 0.2, 0.4), look.base)
    if kind == "along" and kit.chance(0.25):
        x = kit.between(-0.25, 0.25) * width
        b.box((x, depth * 0.22, height + rise * 0.45), (1.4, depth * 0.25, rise * 0.7), look.wall)
        b.box((x, depth * 0.22 - depth * 0.125, height + rise * 0.5), (1.0, 0.06, rise * 0.45), look.panes[0], fit=True)


def _shop_front(kit: Kit, b: Builder, width: float, storey: float, look: Look) -> None:
    """Big panes, a sign with lettering, pilasters, sometimes an awning."""
    rng = kit.rng
    sign_color, ink = natural(rng, (0.05, 0.8), (0.08, 0.85)), natural(rng, (0, 0.6), (0.6, 1))
    sign = kit.material(_LABEL, sign_color, "print", second=ink, tile=1, gloss=0.02)
    goods = kit.material(
        _LABEL,
        linear(0.12, 0.12, 0.12),
        kit.one_of(("painting", "curtain_wall", "blobs")),
        tile=1,
        second=natural(rng, (0, 0.6), (0.3, 0.9)),
        third=natural(rng, (0, 0.8), (0.2, 0.9)),
        gloss=kit.between(0.05, 0.25),
    )
    wood = kit.material(_LABEL, shaded(sign_color, 0.8), "plain")
    fascia = kit.between(0.45, 0.8)
    b.box((0, -0.1, storey - fascia / 2), (width, 0.24, fascia), sign, fit=True)
    b.box((0, -0.04, 0.3), (width, 0.12, 0.6), wood)
    panels = max(1, round(width / 2.2))
    span = width / panels
    door = kit.count(0, panels - 1)
    for i in range(panels):
        x = -width / 2 + span * (i + 0.5)
        low = 0.1 if i == door else 0.55
        b.box((x, -0.03, (low + storey - fascia) / 2), (span - 0.14, 0.1, storey - fascia - low), goods, fit=True)
        b.box((x + span / 2, -0.06, (storey - fascia) / 2), (0.16, 0.18, storey - fascia), wood)
    b.box((-width / 2, -0.08, storey / 2), (0.3, 0.22, storey), look.trim)
    if kit.chance(0.2):
        cloth = kit.material(_LABEL, sign_color, "stripes", second=ink, tile=2)
        z = storey - fascia
        b.quad(
            (-width / 2, -1.3, z - 0.5), (width / 2, -1.3, z - 0.5), (width / 2, -0.1, z), (-width / 2, -0.1, z), cloth
        )
    if kit.chance(0.3):
        b.box((kit.between(-0.4, 0.4) * width, -0.6, storey + 0.5), (0.1, 0.9, 0.8), sign, fit=True)


def _bay(kit: Kit, b: Builder, width: float, height: float, look: Look) -> None:
    """A bay window."""
    x, w = kit.between(-0.25, 0.25) * width, min(2.2, 0.45 * width)
    b.box((x, -0.35, height / 2), (w, 0.75, height), look.wall)
    b.box((x, -0.4, height + 0.1), (w + 0.2, 0.95, 0.2), look.roof)
    for z in np.arange(1.6, height, 2.8):
        b.box((x, -0.72, z), (w * 0.85, 0.06, 1.4), look.panes[1], fit=True)
        b.box((x, -0.74, z - 0.75), (w * 0.95, 0.12, 0.1), look.trim)


def office(kit: Kit, width: float, depth: float, floors: int, look: Look) -> Mesh:
    """A tall block: bands of windows, a grid of them, or all glass."""
    b, storey = Builder(), kit.between(3.0, 3.8)
    height = floors * storey
    kind = kit.one_of(("bands", "grid", "glass"))
    if kind == "glass":
        frame = linear(*[kit.between(0.2, 0.8)] * 3)
        glass = kit.material(
            _LABEL,
            hsv(kit.rng, (0.4, 0.62), (0.1, 0.5), (0.15, 0.4)),
            "curtain_wall",
            second=frame,
            tile=storey * 3,
            gloss=kit.between(0.15, 0.4),
        )
        b.box((0, depth / 2, height / 2), (width, depth, height), glass)
    else:
        b.box((0, depth / 2, height / 2), (width, depth, height), look.wall)
        columns = 1 if kind == "bands" else max(2, round(width / kit.between(2.0, 4.0)))
        w, h = width / columns * (0.97 if columns == 1 else kit.between(0.45, 0.8)), storey * kit.between(0.4, 0.65)
        glass = (
            look.panes[0]
            if columns > 1
            else kit.material(
                _LABEL, linear(0.2, 0.23, 0.26), "curtain_wall", second=linear(0.6, 0.6, 0.6), tile=3, gloss=0.25
            )
        )
        for floor in range(floors):
            z = (floor + 0.55) * storey
            for column in range(columns):
                x = width * ((column + 0.5) / columns - 0.5)
                b.box((x, -0.01, z), (w, 0.06, h), glass, fit=columns > 1)
                b.box((x, -0.05, z - h / 2), (w + 0.1, 0.16, 0.1), look.trim)
            for side in (-1, 1):
                b.box((side * width / 2, depth / 2, z), (0.06, depth * 0.85, h), glass, fit=False)
    b.box((0, depth / 2, height + 0.3), (width + 0.1, depth + 0.1, 0.7), look.trim)
    b.box((0, -0.05, storey * 0.95), (width, 0.25, 0.35), look.trim)
    return b.build()


def wall(kit: Kit, length: float, height: float) -> Mesh:
    """A garden wall along x, its middle at the origin."""
    b, look = Builder(), random_look(kit)
    b.box((0, 0, height / 2), (length, 0.25, height), look.wall)
    b.box((0, 0, height + 0.03), (length, 0.34, 0.08), look.trim)
    return b.build()
