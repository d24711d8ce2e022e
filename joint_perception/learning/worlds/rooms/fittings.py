# SPDX-License-Identifier: Apache-2.0
"""Bathroom ware, televisions, lamps, and small things that lie and stand about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds import foliage
from joint_perception.learning.worlds.materials import hsv, linear, natural
from joint_perception.learning.worlds.mesh import Builder, Mesh, rotation
from joint_perception.learning.worlds.rooms.piece import Piece, cloth, metal, paint, white, wood
from joint_perception.learning.worlds.rooms.storage import box_material, knick_knack

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit


def toilet(kit: Kit) -> Piece:
    """A toilet with its tank."""
    b, ware = Builder(), white(kit, "toilet", 0.06)
    b.box((0, 0.1, 0.58), (0.42, 0.18, 0.4), ware)
    b.box((0, 0.1, 0.79), (0.45, 0.21, 0.04), ware)
    b.ellipsoid((0, 0.42, 0.36), (0.38, 0.55, 0.14), ware, power=0.6)
    b.lathe((0, 0.38, 0), [(0.14, 0), (0.1, 0.15), (0.17, 0.33)], ware)
    lid = kit.chance(0.5)
    b.ellipsoid(
        (0, 0.22 if lid else 0.43, 0.62 if lid else 0.44),
        (0.37, 0.04 if lid else 0.46, 0.42 if lid else 0.04),
        ware,
        power=0.6,
    )
    return Piece(b.build(), 0.46, 0.72, 0.82)


def bathtub(kit: Kit) -> tuple[Piece, bool]:
    """A tub along the wall; and whether a shower curtain hangs before it."""
    b, ware = Builder(), white(kit, "bathtub", 0.06)
    w, d, height = kit.between(1.5, 1.8), kit.between(0.7, 0.85), kit.between(0.45, 0.6)
    rim = 0.07
    for y in (rim / 2, d - rim / 2):
        b.box((0, y, height / 2), (w, rim, height), ware)
    for x in (-1, 1):
        b.box((x * (w - rim) / 2, d / 2, height / 2), (rim, d, height), ware)
    b.box((0, d / 2, 0.08), (w, d, 0.16), ware)
    curtained = kit.chance(0.6)
    if curtained:
        span = (-w / 2, kit.between(-0.2, 0.5) * w)
        b.place(hanging(kit, "shower-curtain", span, (height * 0.5, 2.0), 0.04), (0, d + 0.02, 0))
        rod = np.array([[-w / 2, d, 2.02]])
        b.tubes(rod, rod * (-1, 1, 1), np.array([0.012]), np.array([0.012]), metal(kit, "otherprop"))
    return Piece(b.build(), w, d + 0.05, 2.0 if curtained else height), curtained


def hanging(kit: Kit, label: str, span: tuple[float, float], heights: tuple[float, float], fold: float) -> Mesh:
    """Cloth hanging in folds in the plane y = 0, between two x and two heights."""
    b = Builder()
    n = max(8, int((span[1] - span[0]) * 24))
    x = np.linspace(*span, n)
    wave = fold * np.sin(x * kit.between(25, 45) + np.sin(x * 9) + kit.between(0, 6))
    rows = [np.stack([x, wave * spread, np.full(n, z)], -1) for z, spread in ((heights[0], 1.0), (heights[1], 0.55))]
    b.grid(np.stack(rows), cloth(kit, label))
    return b.build()


def television(kit: Kit, *, small: bool = False) -> Piece:
    """A screen on its foot; `small` a monitor. On or off."""
    b = Builder()
    w = kit.between(0.4, 0.6) if small else kit.between(0.7, 1.3)
    h = w * kit.between(0.55, 0.66)
    case = kit.material("television", linear(*[kit.between(0.08, 0.3)] * 3), gloss=0.03)
    on = kit.chance(0.35)
    dark = linear(0.12, 0.12, 0.14)
    screen = kit.material(
        "television",
        natural(kit.rng, (0.2, 0.7), (0.4, 0.9)) if on else dark,
        "painting" if on else "plain",
        second=natural(kit.rng, (0.2, 0.8), (0.3, 1)) if on else dark,
        tile=1,
        gloss=0.08,
        glow=0.6 if on else 0,
    )
    deep = 0.3 if kit.chance(0.15) else 0.05
    b.box((0, 0.12, 0.08 + h / 2), (w, deep, h), case)
    b.box((0, 0.12 + deep / 2, 0.08 + h / 2), (w * 0.94, 0.012, h * 0.9), screen, fit=True)
    b.box((0, 0.12, 0.05), (0.06, 0.05, 0.1), case)
    b.box((0, 0.13, 0.01), (w * 0.45, 0.22, 0.02), case)
    return Piece(b.build(), w, 0.26, h + 0.1)


def lamp(kit: Kit, *, tall: bool = False) -> tuple[Mesh, float]:
    """A table lamp, or with `tall` a floor lamp, around the z axis; and the height of its shade's top."""
    b, foot = Builder(), metal(kit, "lamp") if kit.chance(0.5) else paint(kit, "lamp")
    height = kit.between(1.4, 1.75) if tall else kit.between(0.4, 0.7)
    shade, radius = kit.between(0.2, 0.35) * (1.2 if tall else 0.8), kit.between(0.12, 0.22)
    glow = kit.between(0.6, 2.0) if kit.chance(0.6) else 0.0
    material = kit.material(
        "lamp", hsv(kit.rng, (0.08, 0.14), (0.0, 0.35), (0.75, 0.98)), "weave", tile=0.3, glow=glow, through=0.5
    )
    stem = height - shade
    if tall or kit.chance(0.4):
        b.lathe((0, 0, 0), [(0, 0), (0.13, 0), (0.11, 0.03), (0.015, 0.05), (0.015, stem)], foot)
    else:
        b.lathe(
            (0, 0, 0),
            [(0.08, 0), (0.05, 0.05), (kit.between(0.05, 0.12), stem * 0.5), (0.03, stem * 0.9), (0.02, stem)],
            foot,
        )
    b.lathe((0, 0, stem), [(radius, 0), (radius * kit.between(0.5, 0.95), shade)], material, 20)
    return b.build(), height


def small_thing(kit: Kit) -> Mesh:
    """Something for a table top: books, paper, a box, a vase, a plant."""
    b = Builder()
    kind = kit.one_of(("books", "paper", "box", "thing", "plant", "bag"), (0.2, 0.2, 0.15, 0.3, 0.1, 0.05))
    turn = rotation(kit.between(0, 3.1))
    if kind == "books":
        z = 0.0
        for _ in range(kit.count(1, 5)):
            thick = kit.between(0.015, 0.05)
            cover = kit.material(
                "books", natural(kit.rng, (0.1, 0.9), (0.1, 0.9)), kit.one_of(("plain", "print")), tile=0.3
            )
            b.box((0, 0, z + thick / 2), (kit.between(0.16, 0.28), kit.between(0.12, 0.2), thick), cover, turn)
            z += thick
    elif kind == "paper":
        sheet = kit.material("paper", linear(0.93, 0.93, 0.9), "print", second=linear(0.3, 0.3, 0.3), tile=1)
        for _ in range(kit.count(1, 3)):
            b.box(
                (kit.between(-0.1, 0.1), kit.between(-0.1, 0.1), 0.004),
                (0.21, 0.3, 0.006),
                sheet,
                rotation(kit.between(0, 3)),
                fit=True,
            )
    elif kind == "box":
        tall = kit.between(0.06, 0.25)
        b.box(
            (0, 0, tall / 2), (kit.between(0.1, 0.3), kit.between(0.08, 0.25), tall), box_material(kit), turn, fit=True
        )
    elif kind == "plant":
        b.place(foliage.pot_plant(kit, "otherprop"), (0, 0, 0), kit.between(0, 6), kit.between(0.3, 0.6))
    elif kind == "bag":
        bag(kit, b)
    else:
        for _ in range(kit.count(1, 3)):
            knick_knack(kit, b, (kit.between(-0.12, 0.12), kit.between(-0.12, 0.12), 0), 0.3)
    return b.build()


def bag(kit: Kit, b: Builder) -> None:
    """A bag with its handle, about 0.35 m."""
    material = cloth(kit, "bag")
    b.ellipsoid((0, 0, 0.15), (kit.between(0.28, 0.42), kit.between(0.13, 0.22), 0.3), material, power=0.45)
    angle = np.linspace(0, np.pi, 7)
    points = np.stack([0.1 * np.cos(angle), angle * 0, 0.28 + 0.13 * np.sin(angle)], 1)
    b.tubes(points[:-1], points[1:], np.full(6, 0.01), np.full(6, 0.01), material)


def floor_thing(kit: Kit) -> tuple[Mesh, float]:
    """Something for the floor, and its radius: a box, bag, plant, clothes, bin, toy."""
    b = Builder()
    kind = kit.one_of(("box", "bag", "plant", "clothes", "bin", "other"), (0.3, 0.15, 0.2, 0.15, 0.1, 0.1))
    if kind == "box":
        z = 0.0
        for _ in range(kit.count(1, 3)):
            tall = kit.between(0.15, 0.4)
            b.box(
                (kit.between(-0.05, 0.05), 0, z + tall / 2),
                (kit.between(0.25, 0.55), kit.between(0.25, 0.45), tall),
                box_material(kit),
                rotation(kit.between(0, 0.5)),
                fit=True,
            )
            z += tall
    elif kind == "bag":
        bag(kit, b)
    elif kind == "plant":
        b.place(foliage.pot_plant(kit, "otherprop"), (0, 0, 0), kit.between(0, 6), kit.between(0.8, 1.7))
    elif kind == "clothes":
        for _ in range(kit.count(2, 4)):
            at = (kit.between(-0.2, 0.2), kit.between(-0.2, 0.2), kit.between(0.03, 0.1))
            b.ellipsoid(
                at,
                (kit.between(0.25, 0.5), kit.between(0.2, 0.4), 0.14),
                cloth(kit, "clothes"),
                power=1.3,
                turn=rotation(kit.between(0, 3)),
            )
    elif kind == "bin":
        b.lathe((0, 0, 0), [(0, 0), (0.11, 0), (0.15, 0.32)], paint(kit, "otherprop"))
    else:
        b.box((0, 0, 0.25), (kit.between(0.3, 0.5), kit.between(0.3, 0.5), 0.5), wood(kit, "otherfurniture"))
    return b.build(), 0.3
