# SPDX-License-Identifier: Apache-2.0
"""What lines a street: terraces, shops, detached houses, offices, greens, side roads; ground and sidewalks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds import foliage
from joint_perception.learning.worlds.materials import hsv, linear
from joint_perception.learning.worlds.streets import buildings, clutter
from joint_perception.learning.worlds.streets.road import END, START, Layout, strip

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh

_DEPTH = 45.0  # metres that a lot reaches back from the sidewalk

# Weights of what stands in a lot, by style of street.
_MIX = {
    "terrace": {"terrace": 6, "shops": 1, "detached": 0.6, "office": 0.3, "green": 1.0, "side_road": 1.2},
    "shops": {"terrace": 1.5, "shops": 6, "detached": 0.1, "office": 1.2, "green": 0.6, "side_road": 1.2},
    "residential": {"terrace": 1, "shops": 0.1, "detached": 6, "office": 0.3, "green": 1.2, "side_road": 1.0},
    "leafy": {"terrace": 0.5, "shops": 0.1, "detached": 2.5, "office": 0.4, "green": 5, "side_road": 0.8},
    "city": {"terrace": 1, "shops": 2, "detached": 0, "office": 6, "green": 0.8, "side_road": 1.2},
    "country": {"terrace": 0.3, "shops": 0, "detached": 1, "office": 0.1, "green": 7, "side_road": 0.6},
}


@dataclass(frozen=True)
class Side:
    """One side of the street in the making: +1 left, -1 right; its trees and its materials."""

    kit: Kit
    layout: Layout
    side: int
    road: int
    walk: int
    kerb: int
    lawn: int
    paved: int
    trees: tuple[Mesh, ...]
    bushes: tuple[Mesh, ...]

    def put(self, mesh: Mesh, s: float, beyond: float, scale: float = 1.0, turn: float = 0.0) -> None:
        """Stand a mesh `beyond` metres behind the kerb; its x along the road, its y away from it."""
        layout = self.layout
        yaw = layout.course.heading(s) + (0.0 if self.side > 0 else np.pi) + turn
        height = layout.kerb if beyond > 0 else 0.0
        self.kit.builder.place(mesh, layout.course.at(s, self.side * (layout.half + beyond), height), yaw, scale)

    def ground(self, span: tuple[float, float], near: float, far: float, height: float, material: int) -> None:
        """Level ground between two distances behind the kerb."""
        half = self.layout.half
        strip(self.kit, self.layout, span, (self.side * (half + near), self.side * (half + far)), height, material)


def line_side(kit: Kit, layout: Layout, side: int, road: int) -> None:
    """Everything on one side of the road."""
    here = _prepare(kit, layout, side, road)
    mix = _MIX[layout.style]
    s = START
    while s < END:
        kind = kit.one_of(tuple(mix), tuple(mix.values()))
        if s < 8 and kind == "side_road":  # noqa: PLR2004  # the first view should be of a street
            kind = "green"
        s = _LOTS[kind](here, s)
    if layout.walk and kit.chance(0.5):
        _avenue(here)
    _far_away(here)


def _prepare(kit: Kit, layout: Layout, side: int, road: int) -> Side:
    rng, tone = kit.rng, kit.between(0.35, 0.65)
    pattern = kit.one_of(("slabs", "slabs", "asphalt", "cobbles", "rough"))
    gray = (
        linear(*(tone * np.array([1.0, 0.98, 0.95]))) if kit.chance(0.8) else hsv(rng, (0, 0.1), (0.1, 0.4), (0.4, 0.6))
    )
    kerb = kit.material("sidewalk", linear(*[kit.between(0.4, 0.7)] * 3), "stone", tile=2.5, grime=0.5)
    walk = kit.material("sidewalk", gray, pattern, tile=kit.between(1.2, 3), grime=0.55)
    lawn = kit.material("vegetation", hsv(rng, (0.17, 0.31), (0.3, 0.7), (0.2, 0.5)), "grass", tile=kit.between(3, 6),
                        second=hsv(rng, (0.12, 0.2), (0.2, 0.5), (0.3, 0.6)), grime=0.6)  # fmt: skip
    paved = kit.material(
        "sidewalk", linear(*[kit.between(0.3, 0.6)] * 3), kit.one_of(("rough", "slabs", "cobbles")), grime=0.5
    )
    winter = {0: 0.05, 1: 0.5, 2: 0.95}[int(rng.integers(3))]
    trees = tuple(
        foliage.bare_tree(kit, "vegetation") if kit.chance(winter)
        else (foliage.conifer if kit.chance(0.25) else foliage.leafy_tree)(kit, "vegetation") for _ in range(3)
    )  # fmt: skip
    bushes = tuple(foliage.bush(kit, "vegetation") for _ in range(2))
    return Side(kit, layout, side, road, walk, kerb, lawn, paved, trees, bushes)


def _floor(here: Side, span: tuple[float, float], yard: int) -> None:
    """Kerb, sidewalk, verge and the ground of a lot."""
    layout, z = here.layout, here.layout.kerb
    if layout.walk:
        s = np.arange(span[0], span[1] + 1.99, 2.0).clip(*span)
        foot, top = (layout.course.at(s, here.side * layout.half, h) for h in (0.0, z))
        here.kit.builder.grid(np.stack([foot, top]), here.kerb, smooth=False)
        here.ground(span, 0.0, 0.18, z, here.kerb)
        here.ground(span, 0.18, layout.walk, z, here.walk)
    here.ground(span, layout.walk, layout.walk + layout.verge, z, here.lawn)
    here.ground(span, layout.walk + layout.verge, layout.walk + layout.verge + _DEPTH, z, yard)


def _back(here: Side) -> float:
    """Distance behind the kerb at which lots begin."""
    return here.layout.walk + here.layout.verge


def _boundary(here: Side, span: tuple[float, float], share: float) -> None:
    """A wall, hedge, fence or nothing between sidewalk and lot."""
    kit, length = here.kit, span[1] - span[0]
    if length < 2 or not kit.chance(share):  # noqa: PLR2004
        return
    kind = kit.one_of(("wall", "hedge", "fence"), (0.45, 0.3, 0.25))
    pieces = max(1, round(length / 8))
    for i in range(pieces):
        s, part = span[0] + length * (i + 0.5) / pieces, length / pieces * kit.between(0.85, 1.0)
        if kind == "wall":
            mesh = buildings.wall(kit, part, kit.between(0.5, 1.9))
        elif kind == "hedge":
            mesh = foliage.hedge(kit, "vegetation", part, kit.between(0.7, 2.2))
        else:
            mesh = clutter.fence(kit, part)
        here.put(mesh, s, _back(here) + 0.3)


def _plants(here: Side, span: tuple[float, float], near: float, far: float, trees: int, bushes: int) -> None:
    """Trees and bushes scattered over a lot."""
    kit = here.kit
    for meshes, count, low, high in ((here.trees, trees, 0.6, 1.5), (here.bushes, bushes, 0.5, 1.6)):
        for _ in range(count):
            mesh = meshes[int(kit.rng.integers(len(meshes)))]
            here.put(mesh, kit.between(*span), kit.between(near, far), kit.between(low, high), kit.between(0, 6.2))


def _terrace(here: Side, s: float, *, shop: bool = False) -> float:
    kit, start = here.kit, s
    setback = 0.0 if shop or kit.chance(0.35) else kit.between(1.0, 5.0)
    look, floors, width = buildings.random_look(kit), kit.count(2, 4 if shop else 3), kit.between(4.2, 7.5)
    depth, flat = kit.between(8, 11), kit.chance(0.15)
    for _ in range(kit.count(2, 6)):
        if kit.chance(0.55 if shop else 0.25):
            look = buildings.random_look(kit)
        if kit.chance(0.3):
            floors, width = kit.count(2, 4 if shop else 3), kit.between(4.2, 9)
        has_shop = shop and kit.chance(0.85)
        here.put(
            buildings.house(kit, width, depth, floors, look, shop=has_shop, flat=flat),
            s + width / 2,
            _back(here) + setback,
        )
        s += width
    _floor(here, (start, s + 0.4), here.lawn if setback > 3 and kit.chance(0.6) else here.paved)  # noqa: PLR2004
    if setback:
        _boundary(here, (start, s), 0.75)
        _plants(here, (start, s), _back(here) + 0.6, _back(here) + setback, 0, kit.count(0, 4))
    return s + (0.4 if kit.chance(0.6) else 0.0)


def _shops(here: Side, s: float) -> float:
    return _terrace(here, s, shop=True)


def _detached(here: Side, s: float) -> float:
    kit = here.kit
    width, setback = kit.between(7, 13), kit.between(2.5, 10)
    end = s + width + kit.between(2, 8)
    house = buildings.house(
        kit, width, kit.between(8, 12), kit.count(1, 3), buildings.random_look(kit), flat=kit.chance(0.08)
    )
    here.put(house, (s + end) / 2, _back(here) + setback)
    _floor(here, (s, end), here.lawn if kit.chance(0.65) else here.paved)
    _boundary(here, (s, end), 0.75)
    _plants(here, (s, end), _back(here) + 0.8, _back(here) + setback, kit.count(0, 2), kit.count(0, 6))
    return end


def _office(here: Side, s: float) -> float:
    kit = here.kit
    width, setback = kit.between(12, 30), kit.between(0, 6) if kit.chance(0.5) else 0.0
    end = s + width + kit.between(0, 3)
    floors = kit.count(3, 9 if here.layout.style == "city" else 5)
    here.put(buildings.office(kit, width, 14, floors, buildings.random_look(kit)), (s + end) / 2, _back(here) + setback)
    _floor(here, (s, end), here.paved)
    if setback > 2:  # noqa: PLR2004
        _boundary(here, (s, end), 0.3)
        _plants(here, (s, end), _back(here) + 1, _back(here) + setback, kit.count(0, 2), kit.count(0, 4))
    return end


def _green(here: Side, s: float) -> float:
    kit = here.kit
    end = s + kit.between(10, 40)
    back = _back(here)
    _floor(here, (s, end), here.lawn)
    _boundary(here, (s, end), 0.6)
    dense = kit.between(0.05, 0.25)
    _plants(here, (s, end), back + 1.0, back + 22, int((end - s) * dense) + 1, int((end - s) * kit.between(0.05, 0.35)))
    return end


def _side_road(here: Side, s: float) -> float:
    kit, z = here.kit, here.layout.kerb
    end, path = s + kit.between(8, 15), kit.between(1.2, 2.5)
    here.ground((s + path, end - path), 0.0, _DEPTH + _back(here), 0.0, here.road)
    for span in ((s, s + path), (end - path, end)):
        here.ground(span, 0.0, _DEPTH + _back(here), z, here.walk)
    # Houses along the side road, and something that closes the view down it.
    for edge, turn in ((s, -np.pi / 2), (end, np.pi / 2)):
        if kit.chance(0.5):
            here.put(
                buildings.wall(kit, 20, kit.between(1.2, 2.4)),
                edge + (0.2 if turn < 0 else -0.2),
                _back(here) + 22,
                turn=turn,
            )
    here.put(buildings.house(kit, 14, 9, 2, buildings.random_look(kit)), (s + end) / 2, _back(here) + _DEPTH - 8)
    if kit.chance(0.4):
        here.put(clutter.traffic_light(kit), s - 0.5, 0.5, turn=0.0 if here.side > 0 else np.pi)
    return end


def _avenue(here: Side) -> None:
    """Street trees at regular distances."""
    kit = here.kit
    step, beyond = kit.between(8, 22), max(0.6, here.layout.walk * 0.35)
    tree = here.trees[0]
    for s in np.arange(START + kit.between(0, 10), END, step):
        if kit.chance(0.8):
            here.put(tree, float(s), beyond, kit.between(0.65, 1.1), kit.between(0, 6.2))


def _far_away(here: Side) -> None:
    """A backdrop, so that gaps show more than a plain; and what ends the street."""
    kit = here.kit
    looks = [buildings.random_look(kit) for _ in range(2)]
    for s in np.arange(START, END, 20.0):
        beyond = kit.between(28, 42)
        if kit.chance(0.45):
            here.put(here.trees[kit.count(0, 2)], s, beyond, kit.between(1.2, 2.0), kit.between(0, 6))
        else:
            house = buildings.house(kit, kit.between(9, 15), 9, kit.count(2, 4), looks[kit.count(0, 1)])
            here.put(house, s, beyond)
    for offset in np.arange(0.0, 60.0, 10.0):
        s = END + kit.between(6, 40)
        mesh = (
            here.trees[kit.count(0, 2)] if kit.chance(0.5) else buildings.house(kit, 10, 9, kit.count(2, 4), looks[0])
        )
        here.put(mesh, s, offset - here.layout.half, kit.between(1.0, 1.8), -here.side * np.pi / 2)


_LOTS = {
    "terrace": _terrace, "shops": _shops, "detached": _detached, "office": _office, "green": _green,
    "side_road": _side_road,
}  # fmt: skip
