# SPDX-License-Identifier: Apache-2.0
"""Cars, vans and buses, along x with their noses at x > 0."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, linear, natural
from joint_perception.learning.worlds.mesh import Builder, rotation

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh

_LABEL = "car"

# Stations from tail to nose: share of the length, then height of sill, belt line and roof as shares of the
# full height. Where the roof is level with the belt there is no cabin; where it changes steeply, a screen.
_BODIES = {
    "hatch": ((0.0, 0.26, 0.5, 0.52), (0.02, 0.2, 0.64, 0.66), (0.08, 0.16, 0.66, 0.93), (0.16, 0.16, 0.66, 0.99),
              (0.36, 0.16, 0.64, 1.0), (0.38, 0.16, 0.64, 1.0), (0.55, 0.16, 0.63, 0.98), (0.62, 0.16, 0.62, 0.93),
              (0.77, 0.16, 0.62, 0.65), (0.94, 0.18, 0.54, 0.56), (0.985, 0.2, 0.46, 0.48), (1.0, 0.26, 0.4, 0.42)),
    "sedan": ((0.0, 0.26, 0.5, 0.52), (0.02, 0.2, 0.66, 0.69), (0.15, 0.16, 0.67, 0.7), (0.27, 0.16, 0.67, 0.95),
              (0.35, 0.16, 0.66, 1.0), (0.45, 0.16, 0.65, 1.0), (0.465, 0.16, 0.65, 1.0), (0.6, 0.16, 0.64, 0.95),
              (0.74, 0.16, 0.63, 0.66), (0.94, 0.18, 0.55, 0.57), (0.985, 0.2, 0.46, 0.48), (1.0, 0.26, 0.4, 0.42)),
    "estate": ((0.0, 0.24, 0.5, 0.52), (0.015, 0.18, 0.62, 0.64), (0.06, 0.15, 0.63, 0.95), (0.12, 0.15, 0.62, 1.0),
               (0.3, 0.15, 0.61, 1.0), (0.32, 0.15, 0.61, 1.0), (0.5, 0.15, 0.6, 1.0), (0.52, 0.15, 0.6, 1.0),
               (0.64, 0.15, 0.6, 0.94), (0.76, 0.15, 0.6, 0.63), (0.95, 0.17, 0.54, 0.56), (1.0, 0.24, 0.42, 0.44)),
    "van": ((0.0, 0.2, 0.5, 0.96), (0.02, 0.16, 0.5, 1.0), (0.55, 0.14, 0.5, 1.0), (0.6, 0.14, 0.5, 1.0),
            (0.72, 0.14, 0.48, 0.97), (0.86, 0.14, 0.47, 0.5), (0.97, 0.16, 0.42, 0.44), (1.0, 0.2, 0.36, 0.38)),
    "bus": ((0.0, 0.12, 0.42, 0.97), (0.01, 0.1, 0.42, 1.0), (0.2, 0.1, 0.42, 1.0), (0.21, 0.1, 0.42, 1.0),
            (0.45, 0.1, 0.42, 1.0), (0.46, 0.1, 0.42, 1.0), (0.7, 0.1, 0.42, 1.0), (0.71, 0.1, 0.42, 1.0),
            (0.97, 0.1, 0.42, 1.0), (1.0, 0.12, 0.42, 0.97)),
}  # fmt: skip
_SIZES = {"hatch": (3.9, 1.7, 1.46), "sedan": (4.5, 1.76, 1.42), "estate": (4.5, 1.8, 1.6), "van": (5.0, 1.95, 2.1),
          "bus": (10.0, 2.5, 3.2)}  # fmt: skip
_GLASS_RISE, _GLASS_SHARE, _PILLAR = 0.2, 0.2, 0.04


def vehicle(kit: Kit, kind: str | None = None) -> Mesh:
    """A vehicle: hatch, sedan, estate (also off-roaders), van or bus."""
    kind = kind or kit.one_of(tuple(_BODIES), (0.36, 0.26, 0.24, 0.11, 0.03))
    rng, b = kit.rng, Builder()
    length, width, height = np.array(_SIZES[kind]) * rng.uniform(0.93, 1.08, 3)
    lift = 0.08 if kind == "estate" and kit.chance(0.4) else 0.0
    paint, glass, black = _materials(kit)
    stations = np.array(_BODIES[kind])
    stations[:, 0] = (stations[:, 0] - 0.5) * length
    stations[:, 1:] = stations[:, 1:] * height + lift
    _body(b, stations, width, (paint, glass, black))
    _wheels(kit, b, length, width, lift, black)
    _details(kit, b, stations, width, (paint, black))
    return b.build()


def _materials(kit: Kit) -> tuple[int, int, int]:
    """Paint, glass, plastic."""
    rng = kit.rng
    if kit.chance(0.65):
        color = linear(*(float(rng.choice([0.06, 0.15, 0.35, 0.6, 0.75, 0.93])) + rng.normal(0, 0.02, 3)))
    else:
        color = natural(rng, (0.3, 0.9), (0.15, 0.75))
    paint = kit.material(_LABEL, color, second=color, gloss=kit.between(0.05, 0.14), grime=kit.between(0, 0.3))
    glass = kit.material(_LABEL, linear(*[kit.between(0.03, 0.22)] * 3), "rough", tile=3, gloss=kit.between(0.03, 0.14))
    return paint, glass, kit.material(_LABEL, linear(0.12, 0.12, 0.12), gloss=0.03)


def _ring(station: np.ndarray, width: float, squeeze: float) -> np.ndarray:
    """(10, 3) cross-section from the left sill over the roof to the right sill."""
    x, sill, belt, roof = station
    half = width / 2 * squeeze
    cabin = max(roof - belt, 0.0)
    inward = half - 0.22 * cabin
    shape = np.array([
        (half * 0.93, sill), (half, sill + 0.45 * (belt - sill)), (half * 0.97, belt),
        (inward * 0.95, roof - min(0.05, cabin * 0.2)), (inward * 0.72, roof),
    ])  # fmt: skip
    both = np.concatenate([shape, shape[::-1] * (-1, 1)])
    return np.concatenate([np.full((10, 1), x), both], axis=1)


def _body(b: Builder, stations: np.ndarray, width: float, materials: tuple[int, int, int]) -> None:
    """Skin over the stations, painted or glazed by its slope; closed at both ends."""
    paint, glass, black = materials
    squeeze = 1 - 0.09 * np.abs(np.linspace(-1, 1, len(stations))) ** 4
    rings = np.array([_ring(s, width, q) for s, q in zip(stations, squeeze, strict=True)])
    length = np.ptp(stations[:, 0])
    skin = np.full((len(stations) - 1, 10), paint, np.int32)
    skin[:, 9] = black
    for i, (low, high) in enumerate(pairwise(stations)):
        cabin = (low[3] - low[2], high[3] - high[2])
        screen = abs(high[3] - low[3]) > _GLASS_RISE
        window = min(cabin) > _GLASS_SHARE and high[0] - low[0] > _PILLAR * length
        if window or (screen and max(cabin) > _GLASS_SHARE):
            skin[i, [2, 6]] = glass
        if screen:
            skin[i, 3:6] = glass
    b.grid(np.concatenate([rings, rings[:, :1]], axis=1), skin, smooth=False)
    for ring, inner in ((rings[0], rings[1]), (rings[-1], rings[-2])):
        tall = np.ptp(ring[:, 2]) > 1.0
        b.grid(np.stack([ring[:5], ring[:4:-1]]), paint, smooth=False)
        if tall:  # a van's or a bus's end has its window in the flat
            away = np.sign(ring[0, 0] - inner[0, 0])
            z0, z1 = ring[2, 2], ring[4, 2]
            b.box((ring[0, 0], 0, z0 + 0.5 * (z1 - z0)), (0.05, abs(ring[4, 1]) * 2.2, (z1 - z0) * 0.7), glass)
            b.box((ring[0, 0] + away * 0.01, 0, z0 + 0.5 * (z1 - z0)), (0.06, 0.05, (z1 - z0) * 0.7), paint)


def _wheels(kit: Kit, b: Builder, length: float, width: float, lift: float, black: int) -> None:
    """Four tyres with hubs, set a little into black arches."""
    hub = kit.material(
        _LABEL, linear(*[kit.between(0.35, 0.8)] * 3), kit.one_of(("curtain_wall", "plain")), tile=0.4, gloss=0.1
    )
    tyre = kit.material(_LABEL, linear(0.1, 0.1, 0.1))
    radius = kit.between(0.29, 0.34) * (1 + lift) * (1.4 if length > 8 else 1)  # noqa: PLR2004
    wheel, turn = Builder(), rotation(0, 0, -np.pi / 2)
    arch = radius * 1.18
    wheel.lathe((0, -0.14, 0), [(0, 0), (arch, 0.0), (arch, 0.125), (0, 0.125)], black, 14, turn)
    wheel.lathe((0, -0.19, 0), [(radius, 0), (radius, 0.18), (radius * 0.68, 0.19)], tyre, 14, turn)
    wheel.lathe((0, -0.19, 0), [(radius * 0.68, 0.19), (radius * 0.5, 0.18), (0, 0.2)], hub, 14, turn)
    mesh = wheel.build()
    for x in (-0.3 * length, 0.32 * length):
        for side in (-1, 1):
            b.place(mesh, (x, side * width / 2, radius), 0.0 if side > 0 else np.pi)


def _details(kit: Kit, b: Builder, stations: np.ndarray, width: float, materials: tuple[int, int]) -> None:
    """Lamps, plates, bumpers, grille, mirrors."""
    paint, black = materials
    on = kit.chance(0.3)
    red = kit.material(_LABEL, hsv(kit.rng, (0.97, 1.02), (0.7, 0.95), (0.4, 0.8)), gloss=0.06, glow=2.0 if on else 0.0)
    lamp = kit.material(_LABEL, linear(0.8, 0.8, 0.78), gloss=0.2, glow=1.5 if on and kit.chance(0.5) else 0.0)
    plate_color = hsv(kit.rng, (0.12, 0.15), (0.0, 0.9), (0.7, 0.95))
    plate = kit.material(_LABEL, plate_color, "print", second=linear(0.1, 0.1, 0.1), tile=1)
    bumper = paint if kit.chance(0.5) else black
    tail, nose = stations[0], stations[-1]
    z = tail[1] + 0.1
    b.box((tail[0], 0, z), (0.12, width * 0.93, 0.2), bumper)
    b.box((nose[0] - 0.02, 0, nose[1] + 0.06), (0.14, width * 0.9, 0.2), bumper)
    high = stations[1][2] - 0.12
    for side in (-1, 1):
        b.box((stations[1][0] - 0.01, side * width * 0.41, high), (0.08, width * 0.13, 0.24), red)
        b.box((stations[-2][0] + 0.0, side * width * 0.36, stations[-2][2] - 0.07), (0.14, width * 0.17, 0.15), lamp)
        screen = max(range(len(stations) - 1), key=lambda i: stations[i][3] - stations[i + 1][3])
        b.box(
            (stations[screen + 1][0] - 0.25, side * (width / 2 + 0.06), stations[screen][2] + 0.05),
            (0.12, 0.16, 0.13),
            paint,
        )
    for x in (tail[0] - 0.05, nose[0] + 0.05):
        b.box((x, 0, tail[1] + (0.3 if x < 0 else 0.08)), (0.03, 0.52, 0.12), plate, fit=True)
    b.box((nose[0] - 0.03, 0, nose[1] + 0.2), (0.06, width * 0.5, 0.12), black)
