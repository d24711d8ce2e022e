# SPDX-License-Identifier: Apache-2.0
"""Cabinets, dressers, shelves, bookshelves, refrigerators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joint_perception.learning.worlds.materials import hsv, linear, natural
from joint_perception.learning.worlds.mesh import Builder, rotation
from joint_perception.learning.worlds.rooms.piece import Piece, metal, paint, white, wood

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit


def _fronts(
    kit: Kit, b: Builder, box: tuple[float, float, float, float], columns: int, rows: int, label: str, body: int
) -> None:
    """Doors or drawers on the front of a body: (width, depth, lowest, highest)."""
    w, d, low, high = box
    knob, panel = metal(kit, label), kit.chance(0.5)
    h = (high - low) / rows
    for i in range(columns):
        for k in range(rows):
            x, z = w * ((i + 0.5) / columns - 0.5), low + h * (k + 0.5)
            b.box((x, d + 0.006, z), (w / columns - 0.015, 0.02, h - 0.015), body)
            if panel:
                b.box((x, d + 0.012, z), (w / columns - 0.13, 0.02, max(h - 0.13, 0.03)), body)
            if h > w / columns:
                side = 1 if i % 2 == 0 else -1
                b.box((x + side * (w / columns / 2 - 0.05), d + 0.03, z), (0.015, 0.03, 0.12), knob)
            else:
                for x_knob in (-0.25, 0.25) if w / columns > 0.6 else (0.0,):  # noqa: PLR2004
                    b.ellipsoid((x + x_knob * w / columns, d + 0.03, z), (0.03, 0.03, 0.03), knob, rings=4)


def cabinet(kit: Kit, *, tall: bool = False) -> Piece:
    """A sideboard, or with `tall` a wardrobe."""
    b, body = Builder(), wood(kit, "cabinet")
    w, d = kit.between(0.6, 1.6), kit.between(0.35, 0.6)
    height = kit.between(1.7, 2.2) if tall else kit.between(0.6, 1.2)
    b.box((0, d / 2, height / 2 + 0.03), (w, d, height - 0.06), body)
    b.box((0, d / 2, height), (w + 0.03, d + 0.03, 0.03), body)
    _fronts(kit, b, (w, d, 0.1, height - 0.03), max(1, round(w / 0.5)), kit.count(1, 2), "cabinet", body)
    return Piece(b.build(), w, d + 0.04, height, 0.0 if tall else height + 0.015)


def chest(kit: Kit, label: str) -> Piece:
    """A dresser or a night-stand: drawers on legs."""
    b, body = Builder(), wood(kit, label)
    small = label == "night-stand"
    w, d = (
        (kit.between(0.4, 0.6), kit.between(0.35, 0.45)) if small else (kit.between(0.8, 1.6), kit.between(0.42, 0.55))
    )
    height, legs = kit.between(0.45, 0.65) if small else kit.between(0.75, 1.25), kit.between(0.04, 0.15)
    b.box((0, d / 2, (height + legs) / 2), (w, d, height - legs), body)
    b.box((0, d / 2, height), (w + 0.03, d + 0.02, 0.025), body)
    for x in (-1, 1):
        for y in (0.04, d - 0.04):
            b.box((x * (w / 2 - 0.04), y, legs / 2), (0.05, 0.05, legs), body)
    _fronts(
        kit,
        b,
        (w, d, legs + 0.02, height - 0.02),
        1 if small else kit.count(1, 3),
        kit.count(1, 2) if small else kit.count(3, 5),
        label,
        body,
    )
    return Piece(b.build(), w, d + 0.04, height, height + 0.013)


def books(kit: Kit, b: Builder, span: tuple[float, float], y: float, z: float, room: float) -> None:
    """A row of books upright on a board: from x to x, backs at `y`, no higher than `room`."""
    covers = [
        kit.material(
            "books",
            natural(kit.rng, (0.1, 0.9), (0.1, 0.9)),
            kit.one_of(("plain", "print", "stripes")),
            second=natural(kit.rng, (0, 0.5), (0.5, 1)),
            tile=0.2,
            grime=0.1,
        )
        for _ in range(5)
    ]
    x = span[0]
    while x < span[1] - 0.05:
        thick, tall, deep = kit.between(0.015, 0.05), min(room - 0.02, kit.between(0.17, 0.31)), kit.between(0.13, 0.21)
        cover = covers[int(kit.rng.integers(len(covers)))]
        lean = rotation(0, kit.between(-0.12, 0.12)) if kit.chance(0.1) else None
        b.box((x + thick / 2, y - deep / 2, z + tall / 2), (thick, deep, tall), cover, lean)
        x += thick + (kit.between(0.03, 0.2) if kit.chance(0.06) else 0.002)


def bookshelf(kit: Kit) -> Piece:
    """A bookcase, mostly full."""
    b, body = Builder(), wood(kit, "bookshelf")
    w, d, height = kit.between(0.6, 1.6), kit.between(0.25, 0.35), kit.between(1.0, 2.2)
    b.box((0, 0.01, height / 2), (w, 0.02, height), body)
    for x in (-1, 1):
        b.box((x * (w / 2 - 0.01), d / 2, height / 2), (0.025, d, height), body)
    n = max(2, round(height / kit.between(0.3, 0.42)))
    gap = height / n
    for i in range(n + 1):
        b.box((0, d / 2, min(i * gap + 0.012, height - 0.012)), (w, d, 0.024), body)
        if i < n:
            end = w / 2 - 0.03
            if kit.chance(0.85):
                books(
                    kit,
                    b,
                    (-end, end * (1.0 if kit.chance(0.6) else kit.between(-0.3, 0.9))),
                    d - 0.03,
                    i * gap + 0.024,
                    gap - 0.03,
                )
            elif kit.chance(0.7):
                knick_knack(kit, b, (kit.between(-0.6, 0.6) * end, d / 2, i * gap + 0.024), gap * 0.7)
    return Piece(b.build(), w, d, height)


def shelves(kit: Kit) -> Piece:
    """Open shelves with boxes, bottles and books."""
    b, body = Builder(), metal(kit, "shelves") if kit.chance(0.4) else wood(kit, "shelves")
    w, d, height = kit.between(0.7, 1.5), kit.between(0.3, 0.5), kit.between(1.2, 2.1)
    for side in (-1, 1):
        for y in (0.02, d - 0.02):
            b.box((side * (w / 2 - 0.02), y, height / 2), (0.035, 0.035, height), body)
    n = kit.count(3, 6)
    for i in range(n):
        z = 0.1 + i * (height - 0.12) / (n - 1)
        b.box((0, d / 2, z), (w, d, 0.025), body)
        x = -w / 2 + 0.15
        while x < w / 2 - 0.15 and i < n - 1:
            kind = kit.one_of(("box", "thing", "books", "none"), (0.35, 0.35, 0.15, 0.15))
            step = kit.between(0.18, 0.35)
            if kind == "box":
                tall = kit.between(0.1, 0.25)
                b.box((x, d / 2, z + 0.013 + tall / 2), (step * 0.85, d * 0.7, tall), box_material(kit), fit=True)
            elif kind == "books":
                books(kit, b, (x - step / 2, x + step / 2), d - 0.05, z + 0.013, 0.28)
            elif kind == "thing":
                knick_knack(kit, b, (x, d / 2, z + 0.013), 0.22)
            x += step
    return Piece(b.build(), w, d, height)


def box_material(kit: Kit) -> int:
    """Cardboard or print."""
    if kit.chance(0.55):
        color = hsv(kit.rng, (0.07, 0.1), (0.3, 0.55), (0.45, 0.75))
        return kit.material("box", color, "print" if kit.chance(0.4) else "rough", tile=1)
    return kit.material(
        "box",
        natural(kit.rng, (0, 0.8), (0.2, 0.95)),
        kit.one_of(("print", "painting", "plain")),
        tile=1,
        second=natural(kit.rng, (0, 0.8), (0.2, 0.95)),
    )


def knick_knack(kit: Kit, b: Builder, at: tuple[float, float, float], room: float) -> None:
    """A vase, bottle, cup, bowl or gadget."""
    material = paint(kit, "otherprop")
    tall, radius = kit.between(0.3, 0.95) * room, kit.between(0.03, 0.08)
    kind = kit.one_of(("vase", "bottle", "cup", "gadget"))
    if kind == "vase":
        b.lathe(
            at,
            [(0, 0), (radius * 0.6, 0), (radius, tall * 0.5), (radius * 0.5, tall * 0.9), (radius * 0.7, tall)],
            material,
        )
    elif kind == "bottle":
        b.lathe(
            at,
            [
                (radius * 0.6, 0),
                (radius * 0.6, tall * 0.6),
                (radius * 0.2, tall * 0.75),
                (radius * 0.2, tall),
                (0, tall),
            ],
            material,
        )
    elif kind == "cup":
        b.cylinder(at, min(tall, 0.12), radius * 0.8, radius, material)
    else:
        b.box((at[0], at[1], at[2] + tall / 2), (radius * 3, radius * 2, tall), material)


def fridge(kit: Kit) -> Piece:
    """A refrigerator, white, steel or coloured, with notes on its door."""
    b = Builder()
    body = white(kit, "refridgerator") if kit.chance(0.6) else metal(kit, "refridgerator")
    w, d, height = kit.between(0.55, 0.9), kit.between(0.6, 0.75), kit.between(1.4, 1.95)
    b.box((0, d / 2 - 0.03, height / 2), (w, d - 0.06, height), body)
    split = kit.between(0.3, 0.7) * height
    for low, high in ((0.05, split), (split + 0.01, height)):
        b.box((0, d - 0.02, (low + high) / 2), (w - 0.01, 0.06, high - low), body)
        b.box((-w * 0.42, d + 0.04, (low + high) / 2), (0.03, 0.04, (high - low) * 0.5), metal(kit, "refridgerator"))
    for _ in range(kit.count(0, 5)):
        note = kit.material(
            "paper",
            natural(kit.rng, (0, 0.5), (0.7, 1)),
            kit.one_of(("print", "painting")),
            tile=1,
            second=linear(0.2, 0.2, 0.25),
        )
        b.box(
            (kit.between(-0.25, 0.4) * w, d + 0.012, kit.between(0.6, 0.9) * height),
            (0.12, 0.004, 0.16),
            note,
            fit=True,
        )
    return Piece(b.build(), w, d + 0.03, height)
