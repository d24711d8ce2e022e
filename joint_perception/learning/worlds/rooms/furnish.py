# SPDX-License-Identifier: Apache-2.0
"""What belongs into which room, and how it is arranged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds import people
from joint_perception.learning.worlds.mesh import Builder
from joint_perception.learning.worlds.rooms import fittings, seats, shell, storage, tables
from joint_perception.learning.worlds.rooms.piece import wood

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.rooms.piece import Piece
    from joint_perception.learning.worlds.rooms.plan import Plan

ROOMS = ("living", "bedroom", "kitchen", "bathroom", "office", "dining")


def furnish(kit: Kit, plan: Plan, kind: str) -> list[tuple[float, float, float]]:
    """Put furniture of that kind of room into the plan; returns where lamps shed light."""
    lights: list[tuple[float, float, float]] = []
    {
        "living": _living,
        "bedroom": _bedroom,
        "kitchen": _kitchen,
        "bathroom": _bathroom,
        "office": _office,
        "dining": _dining,
    }[kind](kit, plan, lights)
    for _ in range(kit.count(2, 6) if kind != "bathroom" else kit.count(0, 1)):
        _filler(kit, plan, lights)
    for _ in range(kit.count(0, 4)):
        plan.somewhere(*fittings.floor_thing(kit))
    if kit.chance(0.1):
        plan.somewhere(people.person(kit, "person"), 0.3, 1.2)
    if kit.chance(0.25) and kind != "bathroom":
        mesh, height = fittings.lamp(kit, tall=True)
        if plan.somewhere(mesh, 0.2, height):
            x, y, _ = plan.targets[-1]
            lights.append((x, y, height + 0.12))
    _walls(kit, plan, kind)
    return lights


def _load(
    kit: Kit,
    plan: Plan,
    piece: Piece,
    place: tuple[int, float] | None,
    lights: list[tuple[float, float, float]],
    share: float = 0.6,
) -> None:
    """Small things on top of a piece that stands at a wall."""
    if place is None or not piece.top:
        return
    wall, along = place
    n = max(1, int(piece.width / 0.32))
    for i in range(n):
        if not kit.chance(share):
            continue
        x = piece.width * ((i + 0.5) / n - 0.5) * 0.9
        spot = plan.at_wall(wall, along + x, piece.depth * kit.between(0.35, 0.65), piece.top + 0.002)
        if kit.chance(0.15) and piece.top < 1.0:
            mesh, height = fittings.lamp(kit)
            lights.append((spot[0], spot[1], piece.top + height + 0.1))
        else:
            mesh = fittings.small_thing(kit)
        kit.builder.place(mesh, spot, kit.between(0, 6.2))


def _beside(kit: Kit, plan: Plan, piece: Piece, wall: int, along: float) -> tuple[int, float] | None:
    """Stand a piece at an exact place along a wall."""
    near = plan.at_wall(wall, along - piece.width / 2, 0)
    if not plan.claim(near, plan.at_wall(wall, along + piece.width / 2, piece.depth)):
        return None
    kit.builder.place(piece.mesh, plan.at_wall(wall, along, 0.02), wall * np.pi / 2)
    return wall, along


def _television(kit: Kit, plan: Plan, wall: int | None) -> None:
    stand = storage.cabinet(kit) if kit.chance(0.6) else tables.table(kit, low=True)
    place = plan.against(stand, wall)
    if place:
        screen = fittings.television(kit)
        kit.builder.place(screen.mesh, plan.at_wall(*place, 0.08, stand.top), place[0] * np.pi / 2)


def _living(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:
    for _ in range(kit.count(1, 2)):
        piece = seats.sofa(kit, kit.count(2, 3))
        place = plan.against(piece)
        if not place:
            continue
        wall, along = place
        _coffee_table(kit, plan, wall, along, piece.depth)
        for side in (-1, 1):
            if kit.chance(0.4):
                end = tables.table(kit, low=True) if kit.chance(0.3) else storage.chest(kit, "night-stand")
                spot = _beside(kit, plan, end, wall, along + side * (piece.width + end.width) / 2 + side * 0.05)
                _load(kit, plan, end, spot, lights, 0.9)
        if kit.chance(0.7):
            _television(kit, plan, (wall + 2) % 4)
    for _ in range(kit.count(0, 2)):
        plan.somewhere(seats.sofa(kit, 1, "chair").mesh, 0.5, 0.5)
    if kit.chance(0.5):
        plan.against(storage.bookshelf(kit))


def _coffee_table(kit: Kit, plan: Plan, wall: int, along: float, out: float) -> None:
    """A rug and a low table before a sofa that reaches `out` metres from its wall."""
    low = tables.table(kit, low=True)
    gap = out + kit.between(0.3, 0.5)
    centre = plan.at_wall(wall, along, gap + low.depth / 2)
    if kit.chance(0.5):
        kit.builder.place(shell.rug(kit, kit.between(1.6, 2.4), kit.between(1.2, 1.8)), centre, wall * np.pi / 2)
    corner, far = (
        plan.at_wall(wall, along - low.width / 2, gap),
        plan.at_wall(wall, along + low.width / 2, gap + low.depth),
    )
    if kit.chance(0.75) and plan.claim(corner, far):
        kit.builder.place(low.mesh, plan.at_wall(wall, along, gap), wall * np.pi / 2)
        for _ in range(kit.count(0, 3)):
            spot = plan.at_wall(
                wall, along + kit.between(-0.3, 0.3) * low.width, gap + low.depth * kit.between(0.3, 0.7), low.top
            )
            kit.builder.place(fittings.small_thing(kit), spot, kit.between(0, 6))


def _bedroom(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:
    piece = seats.bed(kit)
    place = plan.against(piece)
    if place:
        for side in (-1, 1):
            if kit.chance(0.65):
                stand = storage.chest(kit, "night-stand")
                spot = _beside(kit, plan, stand, place[0], place[1] + side * (piece.width + stand.width + 0.1) / 2)
                _load(kit, plan, stand, spot, lights, 1.0)
        if kit.chance(0.3):
            kit.builder.place(
                shell.rug(kit, piece.width + 1.0, 1.2), plan.at_wall(*place, piece.depth), place[0] * np.pi / 2
            )
    if kit.chance(0.7):
        drawers = storage.chest(kit, "dresser")
        _load(kit, plan, drawers, plan.against(drawers), lights)
    if kit.chance(0.5):
        plan.against(storage.cabinet(kit, tall=True))
    if kit.chance(0.35):
        _desk(kit, plan, lights)
    if kit.chance(0.3):
        _television(kit, plan, None)


def _kitchen(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:
    wall = kit.count(0, 3)
    for side in (wall, (wall + 1) % 4)[: kit.count(1, 2)]:
        if kit.chance(0.6):
            plan.against(storage.fridge(kit), side)
        width = min(kit.between(1.6, 3.2), plan.length(side) - 1.0)
        if width < 1:
            continue
        piece = tables.counter(kit, width)
        place = plan.against(piece, side)
        _load(kit, plan, piece, place, lights, 0.5)
        if place and kit.chance(0.75):
            _wall_cupboards(kit, plan, place, width)
    if kit.chance(0.6):
        _table_with_chairs(kit, plan, kit.count(2, 4))


def _wall_cupboards(kit: Kit, plan: Plan, place: tuple[int, float], width: float) -> None:
    b, body = Builder(), wood(kit, "cabinet")
    height, n = kit.between(0.55, 0.8), max(1, round(width / 0.45))
    b.box((0, 0.16, 0), (width, 0.32, height), body)
    for i in range(n):
        x = width * ((i + 0.5) / n - 0.5)
        b.box((x, 0.33, 0), (width / n - 0.02, 0.02, height - 0.03), body)
        b.box((x, 0.34, 0), (width / n - 0.14, 0.015, height - 0.16), body)
    kit.builder.place(b.build(), plan.at_wall(*place, 0.0, 1.45 + height / 2), place[0] * np.pi / 2)


def _bathroom(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:  # noqa: ARG001
    if kit.chance(0.75):
        plan.against(fittings.bathtub(kit)[0])
    stand = tables.wash_stand(kit)
    place = plan.against(stand)
    if place:
        mesh, w, h = shell.picture(kit, "mirror")
        if w < stand.width + 0.6 and kit.chance(0.9):
            kit.builder.place(mesh, plan.at_wall(*place, 0.0, max(1.5, 1.0 + h / 2)), place[0] * np.pi / 2)
    plan.against(fittings.toilet(kit))
    for _ in range(kit.count(1, 3)):
        mesh, w, h = shell.hung(kit, "towel")
        plan.on_wall(mesh, (w, h), (1.0, 1.5))
    if kit.chance(0.5):
        plan.somewhere(shell.rug(kit, 0.7, 0.5), 0.01)


def _desk(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:
    piece = tables.desk(kit)
    place = plan.against(piece)
    if not place:
        return
    wall, along = place
    _load(kit, plan, piece, place, lights, 0.5)
    if kit.chance(0.75):
        screen = fittings.television(kit, small=True)
        kit.builder.place(
            screen.mesh, plan.at_wall(wall, along + kit.between(-0.2, 0.2), 0.1, piece.top), wall * np.pi / 2
        )
    out = piece.depth + kit.between(0.35, 0.7)
    spot = plan.at_wall(wall, along, out)
    if plan.claim(spot[:2] - 0.25, spot[:2] + 0.25):
        kit.builder.place(seats.chair(kit).mesh, spot, wall * np.pi / 2 + np.pi + kit.between(-0.6, 0.6))


def _office(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:
    for _ in range(kit.count(1, 3)):
        _desk(kit, plan, lights)
    for _ in range(kit.count(0, 2)):
        plan.against(storage.bookshelf(kit) if kit.chance(0.6) else storage.shelves(kit))
    if kit.chance(0.5):
        mesh, w, h = shell.picture(kit, "whiteboard")
        plan.on_wall(mesh, (w, h), (1.4, 1.6))
    if kit.chance(0.3):
        _table_with_chairs(kit, plan, kit.count(2, 5))


def _dining(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:
    _table_with_chairs(kit, plan, kit.count(3, 6))
    piece = storage.cabinet(kit)
    _load(kit, plan, piece, plan.against(piece), lights)


def _table_with_chairs(kit: Kit, plan: Plan, chairs: int) -> None:
    w, d, _ = plan.size
    piece, seat = tables.table(kit), seats.chair(kit)
    for _ in range(10):
        x, y = kit.between(1.2, max(1.3, w - 1.2)), kit.between(1.2, max(1.3, d - 1.2))
        turn = float(kit.rng.choice([0, np.pi / 2]))
        half = np.array([piece.width, piece.depth] if turn == 0 else [piece.depth, piece.width]) / 2
        middle = np.array([x, y])
        if plan.claim(middle - half - 0.25, middle + half + 0.25):
            break
    else:
        return
    kit.builder.place(piece.mesh, (x - np.sin(turn) * -piece.depth / 2, y - np.cos(turn) * piece.depth / 2, 0), turn)
    plan.targets.append((x, y, 0.7))
    if kit.chance(0.3):
        kit.builder.place(shell.rug(kit, half[0] * 2 + 1, half[1] * 2 + 1), (x, y, 0))
    spots = [(0, -1, 0.0), (0, 1, np.pi), (-1, 0, -np.pi / 2), (1, 0, np.pi / 2), (0.45, -1, 0.0), (0.45, 1, np.pi)]
    for dx, dy, yaw in spots[:chairs]:
        out = kit.between(0.1, 0.4)
        place = middle + (half + out) * (dx if abs(dx) == 1 else 0, dy) + (half[0] * (dx if abs(dx) < 1 else 0), 0)
        kit.builder.place(seat.mesh, (*place, 0), yaw + kit.between(-0.2, 0.2))
        plan.claim(place - 0.25, place + 0.25, force=True)
    for _ in range(kit.count(1, 5)):
        at = middle + half * kit.rng.uniform(-0.7, 0.7, 2)
        kit.builder.place(fittings.small_thing(kit), (*at, piece.top + 0.001), kit.between(0, 6))


def _filler(kit: Kit, plan: Plan, lights: list[tuple[float, float, float]]) -> None:
    kind = kit.one_of(("cabinet", "tall", "bookshelf", "shelves", "chair", "armchair", "stool", "table", "dresser"))
    makers = {
        "cabinet": lambda: storage.cabinet(kit),
        "tall": lambda: storage.cabinet(kit, tall=True),
        "bookshelf": lambda: storage.bookshelf(kit),
        "shelves": lambda: storage.shelves(kit),
        "chair": lambda: seats.chair(kit),
        "armchair": lambda: seats.sofa(kit, 1, "chair"),
        "stool": lambda: seats.stool(kit),
        "table": lambda: tables.table(kit),
        "dresser": lambda: storage.chest(kit, "dresser"),
    }
    piece = makers[kind]()
    _load(kit, plan, piece, plan.against(piece), lights)


def _walls(kit: Kit, plan: Plan, kind: str) -> None:
    for _ in range(kit.count(1, 5)):
        label = kit.one_of(("picture", "mirror", "whiteboard"), (0.85, 0.1, 0.15 if kind == "office" else 0.02))
        mesh, w, h = shell.picture(kit, label)
        plan.on_wall(mesh, (w, h), (1.35, 1.75))
    if kit.chance(0.35):
        mesh, w, h = shell.hung(kit, kit.one_of(("shelf", "clothes"), (0.7, 0.3)))
        plan.on_wall(mesh, (w, h), (1.3, 1.7))
