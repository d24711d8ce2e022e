# SPDX-License-Identifier: Apache-2.0
"""What stands about in streets and belongs to no class of KITTI-6: void."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, linear, natural
from joint_perception.learning.worlds.mesh import Builder, rotation

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh


def _metal(kit: Kit) -> int:
    return kit.material(None, hsv(kit.rng, (0.3, 0.7), (0, 0.3), (0.1, 0.6)), "rough", tile=1, grime=0.5, gloss=0.02)


def street_lamp(kit: Kit) -> Mesh:
    """A lamp post 5 to 9 m high; its arm reaches along y < 0."""
    b, metal = Builder(), _metal(kit)
    height, reach = kit.between(5, 9), kit.between(0.3, 1.8)
    radius = kit.between(0.05, 0.1)
    points = np.array([[0, 0, -0.1], [0, 0, height], [0, -reach, height + 0.3]])
    b.tubes(points[:-1], points[1:], np.array([radius, radius * 0.6]), np.array([radius * 0.6, radius * 0.5]), metal, 7)
    b.box((0, -reach - 0.25, height + 0.3), (0.2, 0.6, 0.12), metal)
    b.cylinder((0, 0, 0), 0.9, radius * 1.7, radius * 1.6, metal, 8)
    return b.build()


def sign(kit: Kit) -> Mesh:
    """A traffic sign that faces x < 0: disc, triangle or board on a post."""
    b, metal = Builder(), _metal(kit)
    height = kit.between(1.9, 3.0)
    rim = linear(0.75, 0.1, 0.1) if kit.chance(0.6) else hsv(kit.rng, (0.55, 0.63), (0.7, 0.9), (0.4, 0.8))
    face = kit.material(None, rim if kit.chance(0.4) else linear(0.92, 0.92, 0.92), "painting", third=rim,
                        second=linear(0.95, 0.95, 0.95), tile=0.8, gloss=0.02)  # fmt: skip
    b.tubes(np.array([[0, 0, -0.1]]), np.array([[0, 0, height]]), np.array([0.035]), np.array([0.035]), metal)
    for _ in range(kit.count(1, 2)):
        kind, size = kit.one_of(("disc", "board", "triangle")), kit.between(0.25, 0.4)
        if kind == "board":
            b.box((-0.05, 0, height - size), (0.03, size * kit.between(1, 4), size * 1.3), face, fit=True)
        else:
            sides = 16 if kind == "disc" else 3
            b.lathe(
                (-0.05, 0, height - size),
                [(0, 0), (size, 0), (size, 0.03), (0, 0.03)],
                face,
                sides,
                rotation(0, -np.pi / 2),
            )
        height -= 0.75
    return b.build()


def traffic_light(kit: Kit) -> Mesh:
    """A signal that faces x < 0."""
    b, metal = Builder(), _metal(kit)
    black = kit.material(None, linear(0.1, 0.1, 0.1))
    b.tubes(np.array([[0, 0, -0.1]]), np.array([[0, 0, 3.2]]), np.array([0.06]), np.array([0.06]), metal, 7)
    b.box((-0.1, 0, 2.9), (0.2, 0.32, 0.95), black)
    burning = kit.count(0, 2)
    for i, color in enumerate(((0.9, 0.08, 0.05), (0.9, 0.5, 0.05), (0.05, 0.8, 0.35))):
        light = kit.material(None, color, glow=2.5 if i == burning else 0.0)
        b.ellipsoid((-0.2, 0, 3.2 - 0.3 * i), (0.08, 0.2, 0.2), light, rings=5)
    return b.build()


def bin_or_box(kit: Kit) -> Mesh:
    """A litter bin, a wheelie bin, a post or switch box, a bollard or a cone."""
    b = Builder()
    paint = kit.material(
        None, natural(kit.rng, (0.1, 0.9), (0.1, 0.7)), kit.one_of(("plain", "print", "rough")), tile=1
    )
    kind = kit.one_of(("bin", "box", "bollard", "tall"))
    if kind == "bin":
        b.cylinder((0, 0, 0), kit.between(0.8, 1.2), 0.25, 0.28, paint)
    elif kind == "bollard":
        b.cylinder((0, 0, 0), kit.between(0.7, 1.1), 0.09, 0.07, paint, 8)
    else:
        height = 2.3 if kind == "tall" else kit.between(0.9, 1.4)
        b.box((0, 0, height / 2), (kit.between(0.4, 1.0), kit.between(0.4, 0.8), height), paint, fit=True)
    return b.build()


def fence(kit: Kit, length: float) -> Mesh:
    """Railings, boards or mesh panels along x, the middle at the origin."""
    b = Builder()
    kind, height = kit.one_of(("rails", "boards", "mesh")), kit.between(0.8, 2.0)
    if kind == "boards":
        wood = kit.material(None, hsv(kit.rng, (0.06, 0.12), (0.1, 0.6), (0.25, 0.7)), "boards", tile=1.5, grime=0.6)
        b.box((0, 0, height / 2), (length, 0.04, height), wood)
        b.box((0, -0.04, height * 0.85), (length, 0.06, 0.08), wood)
        return b.build()
    metal = _metal(kit)
    step = 0.14 if kind == "rails" else 0.25
    x = np.arange(-length / 2, length / 2 + 1e-6, step)
    thin = np.full(len(x), 0.011 if kind == "rails" else 0.006)
    b.tubes(np.stack([x, x * 0, x * 0], 1), np.stack([x, x * 0, x * 0 + height], 1), thin, thin, metal, 3)
    rows = np.array([0.1, height - 0.08]) if kind == "rails" else np.arange(0.1, height, 0.2)
    ends = np.stack([rows * 0 + length / 2, rows * 0, rows], 1)
    b.tubes(ends * (-1, 1, 1), ends, rows * 0 + 0.015, rows * 0 + 0.015, metal, 4)
    for post in np.arange(-length / 2, length / 2 + 0.1, 2.5):
        b.box((post, 0, height / 2), (0.06, 0.06, height + 0.1), metal)
    return b.build()
