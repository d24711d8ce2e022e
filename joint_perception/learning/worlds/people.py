# SPDX-License-Identifier: Apache-2.0
"""Figures of people, standing, walking or on a bicycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, natural
from joint_perception.learning.worlds.mesh import Builder, rotation

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh


def person(kit: Kit, label: str | None) -> Mesh:
    """A person about 1.7 m tall who looks along x, standing or walking."""
    rng, builder = kit.rng, Builder()
    coat, trousers, skin, hair = _clothes(kit, label)
    scale = rng.uniform(0.88, 1.08)
    hip = 0.88 * scale
    stride = rng.uniform(0.0, 0.35)
    for side in (-1, 1):
        knee = (side * stride * 0.35 + 0.03, side * 0.1, hip * 0.52)
        foot = (side * stride - 0.03 * abs(stride), side * 0.1, 0.04)
        _limb(builder, (0, side * 0.1, hip), knee, (0.09, 0.07), trousers)
        _limb(builder, knee, foot, (0.07, 0.05), trousers)
        builder.ellipsoid((foot[0] + 0.06, foot[1], 0.05), (0.27, 0.1, 0.1), trousers, rings=5)
        hand = (rng.uniform(0.0, 0.4), side * 0.25, hip + rng.uniform(-0.1, 0.35))
        elbow = (rng.uniform(-0.1, 0.1), side * 0.28, hip + 0.22)
        shoulder = (0, side * 0.2, hip + 0.52 * scale)
        _limb(builder, shoulder, elbow, (0.065, 0.055), coat)
        _limb(builder, elbow, hand, (0.05, 0.04), coat)
        builder.ellipsoid(hand, (0.1, 0.07, 0.1), skin, rings=4)
    builder.ellipsoid((0, 0, hip + 0.3 * scale), (0.28, 0.44, 0.72 * scale), coat, power=0.75, rings=7)
    builder.ellipsoid((0, 0, hip + 0.78 * scale), (0.2, 0.17, 0.26), skin, rings=6)
    builder.ellipsoid((-0.02, 0, hip + 0.82 * scale), (0.21, 0.19, 0.22), hair, rings=6)
    if rng.random() < 0.3:  # noqa: PLR2004
        builder.ellipsoid((-0.2, 0, hip + 0.32), (0.2, 0.3, 0.45), hair, power=0.5, rings=5)
    return builder.build()


def cyclist(kit: Kit, label: str | None) -> Mesh:
    """A bicycle and its rider, riding along x."""
    builder = Builder()
    builder.place(bicycle(kit, label), (0, 0, 0))
    coat, trousers, skin, hair = _clothes(kit, label)
    for side in (-1, 1):
        knee, foot = (0.22, side * 0.1, 0.75 + 0.1 * side), (0.05, side * 0.1, 0.32 + 0.1 * side)
        _limb(builder, (-0.2, side * 0.09, 0.98), knee, (0.09, 0.07), trousers)
        _limb(builder, knee, foot, (0.07, 0.05), trousers)
        _limb(builder, (0.08, side * 0.18, 1.42), (0.45, side * 0.22, 1.08), (0.06, 0.045), coat)
    builder.ellipsoid((-0.06, 0, 1.25), (0.3, 0.42, 0.68), coat, power=0.75, turn=rotation(0, 0.45), rings=7)
    builder.ellipsoid((0.17, 0, 1.64), (0.2, 0.17, 0.25), skin, rings=6)
    builder.ellipsoid((0.15, 0, 1.7), (0.25, 0.2, 0.2), hair, rings=6)
    return builder.build()


def bicycle(kit: Kit, label: str | None) -> Mesh:
    """A bicycle along x."""
    builder = Builder()
    frame = kit.material(label, natural(kit.rng, (0, 0.9), (0.1, 0.7)), gloss=0.05)
    tyre = kit.material(label, (0.02, 0.02, 0.02))
    for x in (-0.5, 0.5):
        builder.lathe((x, -0.02, 0.34), [(0.31, 0.0), (0.34, 0.0), (0.34, 0.04), (0.31, 0.04), (0.31, 0.0)], tyre, 16,
                      rotation(0, 0, -np.pi / 2))  # fmt: skip
    points = np.array(
        [[-0.5, 0, 0.34], [0.0, 0, 0.3], [-0.15, 0, 0.85], [0.38, 0, 0.85], [0.5, 0, 0.34], [0.4, 0, 1.05]]
    )
    pairs = np.array([[0, 1], [1, 2], [2, 0], [2, 3], [1, 3], [3, 4], [3, 5]])
    thin = np.full(len(pairs), 0.018)
    builder.tubes(points[pairs[:, 0]], points[pairs[:, 1]], thin, thin, frame)
    builder.box((0.42, 0, 1.06), (0.04, 0.55, 0.03), frame)
    builder.box((-0.2, 0, 0.93), (0.26, 0.14, 0.06), tyre)
    return builder.build()


def _clothes(kit: Kit, label: str | None) -> tuple[int, int, int, int]:
    """Materials of coat, trousers, skin and hair."""
    rng = kit.rng
    bright = kit.chance(0.3)
    coat = natural(rng, (0.4, 0.9), (0.3, 0.8)) if bright else natural(rng, (0, 0.4), (0.05, 0.35))
    skin = hsv(rng, (0.04, 0.08), (0.3, 0.6), (0.35, 0.85))
    return (
        kit.material(label, coat, kit.one_of(("weave", "stripes", "plain")), tile=0.5, grime=0.6),
        kit.material(label, hsv(rng, (0.5, 0.7), (0, 0.5), (0.05, 0.35)), "weave", tile=0.5, grime=0.6),
        kit.material(label, skin),
        kit.material(label, hsv(rng, (0.02, 0.12), (0.2, 0.6), (0.03, 0.4)), "carpet", tile=0.3),
    )


def _limb(builder: Builder, start: tuple[float, ...], end: tuple[float, ...], radii: tuple[float, float],
          material: int) -> None:  # fmt: skip
    builder.tubes(np.array([start]), np.array([end]), np.array(radii[:1]), np.array(radii[1:]), material, 7)
