# SPDX-License-Identifier: Apache-2.0
"""Chairs, sofas, beds and what lies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.mesh import Builder, rotation
from joint_perception.learning.worlds.rooms.piece import Piece, cloth, metal, paint, wood

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit


def chair(kit: Kit) -> Piece:
    """A kitchen chair, an upholstered one or an office chair."""
    b = Builder()
    kind = kit.one_of(("wooden", "padded", "shell", "office"), (0.4, 0.25, 0.15, 0.2))
    w, d, seat, height = kit.between(0.4, 0.52), kit.between(0.4, 0.5), kit.between(0.42, 0.48), kit.between(0.78, 1.05)
    frame = wood(kit, "chair") if kit.chance(0.65) else metal(kit, "chair")
    soft = frame if kind == "wooden" else paint(kit, "chair") if kind == "shell" else cloth(kit, "chair")
    if kind == "office":
        _swivel(kit, b, (w, d, seat), soft, frame)
        return Piece(b.build(), w, d, height)
    thick = kit.between(0.025, 0.05)
    for x in (-1, 1):
        b.box((x * (w - thick) / 2, d - thick, seat / 2), (thick, thick, seat), frame)
        b.box((x * (w - thick) / 2, thick / 2, height / 2), (thick, thick, height), frame)
        if kit.chance(0.4):
            b.box((x * (w - thick) / 2, d / 2, seat * 0.45), (thick * 0.7, d, thick * 0.7), frame)
    if kind == "wooden":
        b.box((0, d / 2, seat), (w, d, 0.035), soft)
        if kit.chance(0.5):
            for x in np.linspace(-0.4, 0.4, kit.count(3, 6)):
                b.box((x * w, thick / 2, (seat + height) / 2), (0.03, 0.02, height - seat), frame)
        for z in np.linspace(height, seat + 0.15, kit.count(1, 3)):
            b.box((0, thick / 2, z - 0.04), (w, 0.025, kit.between(0.06, 0.12)), frame)
    else:
        b.ellipsoid((0, d / 2, seat), (w, d, 0.12), soft, power=0.35)
        b.ellipsoid((0, thick / 2, (seat + height) / 2 + 0.08), (w, 0.09, height - seat - 0.1), soft, power=0.35)
    return Piece(b.build(), w, d, height)


def _swivel(kit: Kit, b: Builder, size: tuple[float, float, float], soft: int, frame: int) -> None:
    """An office chair: width, depth and height of its seat."""
    w, d, seat = size
    lean = rotation(0, 0, 0.16)
    b.ellipsoid((0, d / 2, seat), (w, d, 0.1), soft, power=0.5)
    b.ellipsoid((0, 0.03, seat + 0.32), (w * 0.95, 0.1, 0.55), soft, power=0.5, turn=lean)
    b.cylinder((0, d / 2, 0.1), seat - 0.1, 0.03, 0.025, frame)
    for angle in np.arange(5) * 2 * np.pi / 5:
        b.box((0.14 * np.cos(angle), d / 2 + 0.14 * np.sin(angle), 0.08), (0.3, 0.04, 0.04), frame, rotation(angle))
    if kit.chance(0.7):
        for side in (-1, 1):
            b.box((side * w * 0.55, d * 0.45, seat + 0.2), (0.06, 0.25, 0.04), frame)
            b.box((side * w * 0.55, d * 0.45, seat + 0.1), (0.03, 0.05, 0.2), frame)


def stool(kit: Kit) -> Piece:
    """A stool or a pouffe."""
    b, radius, height = Builder(), kit.between(0.15, 0.25), kit.between(0.4, 0.7)
    if kit.chance(0.5):
        b.ellipsoid((0, radius, height * 0.35), (2 * radius, 2 * radius, height * 0.7), cloth(kit, "chair"), power=0.4)
        return Piece(b.build(), 2 * radius, 2 * radius, height * 0.7)
    material = wood(kit, "chair")
    b.cylinder((0, radius, height - 0.04), 0.05, radius, radius, material)
    angle = np.arange(4) * np.pi / 2 + 0.8
    feet = np.stack([np.cos(angle) * radius, np.sin(angle) * radius + radius, angle * 0], 1)
    tops = np.stack([np.cos(angle) * radius * 0.6, np.sin(angle) * radius * 0.6 + radius, angle * 0 + height - 0.03], 1)
    b.tubes(feet, tops, np.full(4, 0.018), np.full(4, 0.015), material)
    return Piece(b.build(), 2 * radius, 2 * radius, height)


def sofa(kit: Kit, seats: int, label: str = "sofa") -> Piece:
    """A sofa of so many seats, with cushions; one seat is an armchair."""
    b, main = Builder(), cloth(kit, label)
    arm, d, seat, back = kit.between(0.12, 0.28), kit.between(0.8, 1.0), kit.between(0.38, 0.46), kit.between(0.7, 0.95)
    each = kit.between(0.55, 0.75)
    w = seats * each + 2 * arm
    round_ = kit.between(0.12, 0.4)
    b.box((0, d / 2, 0.2), (w - 0.06, d - 0.06, 0.26), main)
    for side in (-1, 1):
        b.ellipsoid(
            (side * (w - arm) / 2, d / 2, kit.between(0.3, 0.36)),
            (arm * 1.1, d, kit.between(0.5, 0.66)),
            main,
            power=round_,
        )
        for y in (0.08, d - 0.08):
            b.box((side * (w / 2 - 0.1), y, 0.04), (0.06, 0.06, 0.09), metal(kit, label))
    b.ellipsoid((0, 0.14, back / 2 + 0.05), (w - 0.08, 0.3, back), main, power=round_ * 0.7)
    for i in range(seats):
        x = (i - (seats - 1) / 2) * each
        b.ellipsoid((x, d * 0.58, seat - 0.06), (each * 0.99, d * 0.75, 0.2), main, power=0.3)
        b.ellipsoid((x, 0.3, seat + 0.2), (each * 0.95, 0.2, 0.45), main, power=0.4, turn=rotation(0, 0, 0.15))
    for _ in range(kit.count(0, 4)):
        x = kit.between(-0.5, 0.5) * (w - 2 * arm - 0.3)
        _pillow(
            kit,
            b,
            (x, 0.42, seat + 0.22),
            rotation(kit.between(-0.3, 0.3), 0, kit.between(0.3, 0.6)),
            kit.between(0.35, 0.5),
        )
    return Piece(b.build(), w, d, back + 0.05)


def _pillow(kit: Kit, b: Builder, at: tuple[float, float, float], turn: np.ndarray, size: float) -> None:
    b.ellipsoid(at, (size, 0.16, size * kit.between(0.8, 1)), cloth(kit, "pillow"), power=0.55, turn=turn)


def bed(kit: Kit) -> Piece:
    """A bed with its head at the wall, pillows, and a blanket more or less in order."""
    b = Builder()
    w, length, height = kit.between(0.9, 1.9), kit.between(1.95, 2.15), kit.between(0.4, 0.65)
    frame, sheet, cover = wood(kit, "bed"), cloth(kit, "bed"), cloth(kit, "bed")
    b.box((0, length / 2, height * 0.35), (w, length, height * 0.3), frame)
    for side in (-1, 1):
        for y in (0.06, length - 0.06):
            b.box((side * (w / 2 - 0.06), y, height * 0.12), (0.08, 0.08, height * 0.25), frame)
    b.ellipsoid((0, length / 2, height * 0.75), (w * 0.99, length * 0.99, height * 0.5), sheet, power=0.15)
    head = kit.between(0.8, 1.3)
    if kit.chance(0.75):
        b.box((0, 0.03, head / 2), (w + 0.06, 0.06, head), frame)
        if kit.chance(0.3):
            b.box((0, length, height * 0.7), (w + 0.06, 0.05, height * 1.3), frame)
    _blanket(kit, b, (w, length, height), cover)
    for i in range(1 if w < 1.2 else 2):  # noqa: PLR2004
        x = 0.0 if w < 1.2 else (i - 0.5) * w * 0.48  # noqa: PLR2004
        for k in range(kit.count(1, 2)):
            tip = rotation(kit.between(-0.15, 0.15), 0, kit.between(-1.3, -0.5))
            size = (kit.between(0.5, 0.7), 0.2, kit.between(0.38, 0.5))
            b.ellipsoid((x, 0.28 + 0.22 * k, height + 0.12), size, cloth(kit, "pillow"), power=0.55, turn=tip)
    return Piece(b.build(), w + 0.06, length, max(head, height))


def _blanket(kit: Kit, b: Builder, size: tuple[float, float, float], cover: int) -> None:
    """A cloth over the foot of the bed that hangs down at the sides, wavy."""
    w, length, height = size
    start, drop = kit.between(0.3, 0.6) * length, kit.between(0.1, height * 0.8)
    across = np.linspace(-1, 1, 17)[None, :]
    along = np.linspace(0, 1, 12)[:, None]
    over = np.maximum(np.abs(across) * (w / 2 + drop) - w / 2, 0)
    x = np.sign(across) * np.minimum(np.abs(across) * (w / 2 + drop), w / 2 + 0.03) + 0 * along
    y = start + along * (length - start + 0.04) + 0 * across
    rough = kit.between(0.005, 0.04)
    z = height + 0.03 - over + rough * np.sin(9 * x + kit.between(0, 6)) * np.cos(7 * y + kit.between(0, 6))
    b.grid(np.stack([x + rough * np.sin(8 * y), y, z], axis=-1), cover)
