# SPDX-License-Identifier: Apache-2.0
"""Trees, bushes, hedges, pot plants: leaves as cards on lumps, branches as thin cones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, natural
from joint_perception.learning.worlds.mesh import Builder, rotation

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh

    Floats = npt.NDArray[np.floating]


def leaf_material(kit: Kit, label: str | None, tile: float = 1.6) -> int:
    """Green, olive, autumn brown or dark evergreen leaves."""
    hue = [(0.2, 0.33), (0.14, 0.24), (0.05, 0.12), (0.3, 0.4)][int(kit.rng.choice(4, p=[0.5, 0.25, 0.08, 0.17]))]
    color = hsv(kit.rng, hue, (0.25, 0.65), (0.22, 0.5))
    light = (min(1.0, color[0] * 2.1 + 0.02), min(1.0, color[1] * 1.9 + 0.02), color[2] * 1.4 + 0.01)
    dark = (color[0] * 0.2, color[1] * 0.2, color[2] * 0.2)
    return kit.material(label, color, "leaves", second=light, third=dark, tile=tile, grime=0.5, through=0.35)


def bark_material(kit: Kit, label: str | None) -> int:
    """Grey or brown bark."""
    return kit.material(label, hsv(kit.rng, (0.05, 0.12), (0.1, 0.4), (0.15, 0.4)), "wood", tile=0.8, grime=0.6)


def lumps(kit: Kit, builder: Builder, centers: Floats, radii: Floats, material: int, cards: int, size: float) -> None:
    """Clumps of leaves.

    Args:
        kit: Its randomness is used.
        builder: Takes the shapes.
        centers: (N, 3) metres.
        radii: (N, 3) of each clump along the axes.
        material: Of the leaves.
        cards: Number of loose leaf cards over all clumps.
        size: Metres across a card.
    """
    rng = kit.rng
    for center, radius in zip(centers, radii, strict=True):
        builder.ellipsoid(center, 1.6 * radius, material, turn=rotation(rng.uniform(0, 6)), rings=4)
    share = np.linalg.norm(radii, axis=1) ** 2
    which = rng.choice(len(centers), cards, p=share / share.sum())
    outward = rng.normal(size=(cards, 3))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    middle = centers[which] + outward * radii[which] * rng.uniform(0.75, 1.1, (cards, 1))
    corners = middle[:, None] + rng.normal(0, size * 0.55, (cards, 3, 3))
    uv = rng.uniform(0, 8, (cards, 1, 2)) + (corners - middle[:, None])[..., :2]
    bent = outward[:, None] + rng.normal(0, 0.35, (cards, 1, 3))
    normals = np.broadcast_to(bent / np.linalg.norm(bent, axis=-1, keepdims=True), corners.shape)
    builder.triangles(corners, uv, material, normals)


def leafy_tree(kit: Kit, label: str | None) -> Mesh:
    """A broad-leaved tree about 8 m high, foot at the origin."""
    rng, builder = kit.rng, Builder()
    leaf, bark = leaf_material(kit, label), bark_material(kit, label)
    trunk = rng.uniform(1.6, 3.2)
    width, height = rng.uniform(1.8, 3.4), rng.uniform(2.0, 3.4)
    count = int(rng.integers(8, 15))
    spread = rng.normal(size=(count, 3))
    spread *= (rng.random((count, 1)) ** 0.4) / np.linalg.norm(spread, axis=1, keepdims=True)
    centers = spread * (width * 0.7, width * 0.7, height * 0.7) + (0, 0, trunk + height)
    radii = rng.uniform(0.25, 0.5, (count, 3)) * min(width, height)
    lumps(kit, builder, centers, radii, leaf, 800, 0.4)
    ends = centers[: min(6, count)]
    foot = np.tile([0.0, 0.0, trunk * 0.8], (len(ends), 1))
    builder.tubes(foot, ends, np.full(len(ends), 0.1), np.full(len(ends), 0.03), bark)
    top = np.array([[0.0, 0, trunk + height * 0.6]])
    builder.tubes(np.array([[0.0, 0, -0.1]]), top, np.array([0.2]), np.array([0.08]), bark, 8)
    return builder.build()


def conifer(kit: Kit, label: str | None) -> Mesh:
    """A cypress, yew or fir about 7 m high."""
    rng, builder = kit.rng, Builder()
    leaf = leaf_material(kit, label)
    height, width = rng.uniform(5, 9), rng.uniform(0.8, 2.0)
    levels = np.linspace(0.06, 0.97, 9)
    taper = (1 - levels) ** rng.uniform(0.4, 1.1) * width + 0.12
    centers = np.stack([rng.normal(0, 0.1, 9), rng.normal(0, 0.1, 9), levels * height], axis=1)
    radii = np.stack([taper, taper, np.full(9, height / 11)], axis=1)
    lumps(kit, builder, centers, radii, leaf, 700, 0.34)
    builder.tubes(np.array([[0.0, 0, -0.1]]), np.array([[0.0, 0, height * 0.8]]), np.array([0.2]), np.array([0.05]),
                  bark_material(kit, label))  # fmt: skip
    return builder.build()


def bare_tree(kit: Kit, label: str | None) -> Mesh:
    """A tree in winter, about 9 m high: four orders of branches."""
    rng, builder = kit.rng, Builder()
    bark = bark_material(kit, label)
    starts, ends = np.array([[0.0, 0, -0.1]]), np.array([[rng.normal(0, 0.2), rng.normal(0, 0.2), rng.uniform(3, 5)]])
    thick = np.array([rng.uniform(0.14, 0.24)])
    builder.tubes(starts, ends, thick, thick * 0.75, bark, 8)
    length, rise = rng.uniform(2.2, 3.2), rng.uniform(0.5, 1.1)
    for children, sides in ((7, 4), (5, 3), (5, 3), (4, 1)):
        parent = np.repeat(np.arange(len(starts)), children)
        along = rng.uniform(0.45, 1.0, (len(parent), 1))
        axis = ends[parent] - starts[parent]
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        direction = axis * 0.8 + rng.normal(0, 0.55, axis.shape) + (0, 0, 0.25 * rise)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        starts = starts[parent] + (ends - starts)[parent] * along
        ends = starts + direction * length * rng.uniform(0.6, 1.1, (len(parent), 1))
        thick = np.maximum(thick[parent] * 0.48, 0.011)
        builder.tubes(starts, ends, thick, np.maximum(thick * 0.5, 0.009), bark, sides)
        length *= 0.55
    return builder.build()


def bush(kit: Kit, label: str | None) -> Mesh:
    """A shrub about 1.3 m high."""
    rng, builder = kit.rng, Builder()
    count = int(rng.integers(3, 7))
    centers = rng.uniform((-0.6, -0.6, 0.3), (0.6, 0.6, 0.9), (count, 3))
    lumps(kit, builder, centers, rng.uniform(0.3, 0.55, (count, 3)), leaf_material(kit, label, 1.0), 240, 0.19)
    return builder.build()


def pot_plant(kit: Kit, label: str | None) -> Mesh:
    """A house plant in its pot, about 0.8 m high."""
    rng, builder = kit.rng, Builder()
    pot = kit.material(label, natural(rng, (0.1, 0.6), (0.2, 0.8)), gloss=0.03)
    radius = rng.uniform(0.1, 0.18)
    builder.lathe((0, 0, 0), [(0, 0), (radius * 0.7, 0), (radius, radius * 1.8), (0, radius * 1.7)], pot)
    count = int(rng.integers(3, 6))
    centers = rng.uniform((-0.15, -0.15, 0.4), (0.15, 0.15, 0.8), (count, 3))
    lumps(kit, builder, centers, rng.uniform(0.06, 0.2, (count, 3)), leaf_material(kit, label, 0.5), 320, 0.055)
    stalk = np.tile([0.0, 0.0, radius], (count, 1))
    builder.tubes(stalk, centers, np.full(count, 0.012), np.full(count, 0.008), bark_material(kit, label))
    return builder.build()


def hedge(kit: Kit, label: str | None, length: float, height: float) -> Mesh:
    """A clipped hedge along x, its middle at the origin."""
    rng, builder = kit.rng, Builder()
    leaf = leaf_material(kit, label, 1.0)
    builder.box((0, 0, height / 2 - 0.05), (length, 0.5, height), leaf)
    count = int(length * height * 45)
    middle = rng.uniform((-length / 2, -0.3, 0.05), (length / 2, 0.3, height + 0.05), (count, 3))
    middle[:, 1] = np.where(middle[:, 2] < height - 0.1, np.sign(middle[:, 1]) * 0.28, middle[:, 1])
    corners = middle[:, None] + rng.normal(0, 0.09, (count, 3, 3))
    builder.triangles(corners, rng.uniform(0, 5, (count, 1, 2)) + corners[..., :2], leaf)
    return builder.build()
