# SPDX-License-Identifier: Apache-2.0
"""The road: its course, its surface and what is painted on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.materials import hsv, linear

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.materials import RGB

    Floats = npt.NDArray[np.floating]

START, END = -30.0, 240.0  # metres along the centre line that a street is built for
_PAINT_HEIGHT = 0.003  # metres above the road: enough for float32 rays at 200 m to tell


class Course:
    """The centre line of a road on the plane z = 0.

    Places are given as (s, offset): metres along the line, metres to its left.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._s = np.arange(START - 60, END + 60, 0.5)
        bend = rng.choice([0.0, 1.0, 2.5], p=[0.45, 0.35, 0.2]) / 300
        waves = np.sin(2 * np.pi * (self._s / rng.uniform(120, 400) + rng.random()))
        curvature = bend * (rng.uniform(-1, 1) + waves)
        self._heading = np.cumsum(curvature) * 0.5
        self._heading -= np.interp(0.0, self._s, self._heading)
        self._x = np.cumsum(np.cos(self._heading)) * 0.5
        self._y = np.cumsum(np.sin(self._heading)) * 0.5

    def heading(self, s: float) -> float:
        """Radians from the x axis to the direction of the road."""
        return float(np.interp(s, self._s, self._heading))

    def at(self, s: Floats | float, offset: Floats | float, z: Floats | float = 0.0) -> Floats:
        """(..., 3) metres: the point at that place and height."""
        s, offset, z = np.broadcast_arrays(s, offset, z)
        heading = np.interp(s, self._s, self._heading)
        x = np.interp(s, self._s, self._x) - np.sin(heading) * offset
        y = np.interp(s, self._s, self._y) + np.cos(heading) * offset
        return np.stack([x, y, z], axis=-1)


@dataclass(frozen=True)
class Layout:
    """How a street is laid out.

    Attributes:
        course: Its centre line.
        half: Metres from the centre line to the kerb.
        walk: Width of the sidewalks; 0 without any.
        verge: Width of a grass strip between sidewalk and lots.
        kerb: Height of the sidewalks above the road.
        drive_side: Side of the centre line that the camera drives on: 1 left, -1 right.
        parking: Metres of the road's edge that parked cars take.
        style: terrace, shops, residential, leafy, city or country.
    """

    course: Course
    half: float
    walk: float
    verge: float
    kerb: float
    drive_side: int
    parking: float
    style: str

    @property
    def front(self) -> float:
        """Metres from the centre line to where the lots begin."""
        return self.half + self.walk + self.verge

    @property
    def lane(self) -> float:
        """Offset of the middle of the camera's lane."""
        return self.drive_side * max((self.half - self.parking) * 0.5, 1.3)


STYLES = ("terrace", "shops", "residential", "leafy", "city", "country")


def random_layout(kit: Kit) -> Layout:
    """A street of a random style."""
    rng = kit.rng
    style = kit.one_of(STYLES, (0.22, 0.2, 0.22, 0.14, 0.12, 0.1))
    parking = 2.1 if style in {"terrace", "residential"} and kit.chance(0.7) else 0.2
    lanes = kit.between(3.0, 4.6) + (kit.between(0, 4) if style in {"city", "shops"} else 0)
    walk = {"country": kit.between(0, 1.5), "shops": kit.between(2, 5), "city": kit.between(2.5, 6)}.get(
        style, kit.between(1.4, 3.2)
    )
    verge = kit.between(0.5, 4) if style in {"leafy", "country"} or kit.chance(0.15) else 0.0
    return Layout(
        Course(rng), lanes + parking, walk if walk > 0.5 else 0.0, verge, kit.between(0.06, 0.16),  # noqa: PLR2004
        1 if kit.chance(0.6) else -1, parking, style,
    )  # fmt: skip


def strip(
    kit: Kit, layout: Layout, span: tuple[float, float], offsets: tuple[float, float], height: float, material: int
) -> None:
    """A level ribbon of ground along the road, between two offsets."""
    s = np.arange(span[0], span[1] + 1.99, 2.0).clip(*span)
    s = s[np.concatenate([[True], np.diff(s) > 1e-6])]  # noqa: PLR2004
    rows = np.stack([layout.course.at(s, offset, height) for offset in offsets])
    uv = np.stack(np.broadcast_arrays(s, np.array(offsets)[:, None]), axis=-1)
    kit.builder.grid(rows, material, uv, smooth=False)


def pave(kit: Kit, layout: Layout) -> int:
    """The road surface and its paint; returns the material of the road."""
    tone = kit.between(0.24, 0.5)
    tint = np.array([1.0, 1.0, 1.0]) + kit.rng.normal(0, 0.025, 3)
    road = linear(*(tone * tint))
    pale, crack = linear(*(tone * 1.18 * tint)), linear(*(tone * 0.7 * tint))
    asphalt = kit.material("road", road, "asphalt", second=pale, third=crack, tile=kit.between(2.5, 7), grime=0.3,
                           gloss=float(kit.rng.choice([0.0, 0.05, 0.06], p=[0.8, 0.12, 0.08])))  # fmt: skip
    strip(kit, layout, (START, END + 50), (-layout.half, layout.half), 0.0, asphalt)
    patches = [
        kit.material("road", linear(*(tone * gain * tint)), "asphalt", tile=3, grime=0.5) for gain in (0.75, 1.2)
    ]
    for patch in patches:
        _paint(kit, layout, _random_patches(kit, layout), patch, 0.0015)
    _lines(kit, layout, road)
    return asphalt


def _random_patches(kit: Kit, layout: Layout) -> Floats:
    """(N, 4) repairs, trenches and manhole covers as (s0, s1, offset0, offset1)."""
    rng, n = kit.rng, kit.count(3, 14)
    size = np.where(rng.random((n, 1)) < 0.5, rng.uniform(0.4, 1.0, (n, 2)), rng.uniform((1, 0.5), (14, 2.5), (n, 2)))  # noqa: PLR2004
    corner = rng.uniform((START, -layout.half), (END - 60, layout.half - 0.5), (n, 2))
    far = np.minimum(corner + size, (END, layout.half))
    return np.stack([corner[:, 0], far[:, 0], corner[:, 1], far[:, 1]], axis=1)


def _lines(kit: Kit, layout: Layout, road: RGB) -> None:
    """Lane lines, kerb lines, bays."""
    wear = kit.between(0.55, 0.95)
    white = kit.material(
        "road", linear(wear, wear, wear * 0.97), "rough", second=road, tile=kit.between(1, 4), grime=0.6
    )
    yellow = kit.material("road", hsv(kit.rng, (0.11, 0.15), (0.4, 0.75), (0.6, 0.9)), "rough", second=road, grime=0.6)
    dash, gap = kit.between(1.5, 6), kit.between(1.5, 6)
    if kit.chance(0.18):
        dash, gap = (100.0, 0.0) if kit.chance(0.3) else (0.0, 1.0)
    if dash:
        width = kit.between(0.08, 0.16)
        _paint(kit, layout, _dashes(0.0, width, dash, gap), white)
    for side in (-1, 1):
        edge = side * (layout.half - kit.between(0.2, 0.4))
        kind = kit.one_of(("none", "yellow", "double", "white", "bay"), (0.35, 0.12, 0.2, 0.2, 0.13))
        if kind == "bay" and layout.parking > 1:
            _paint(kit, layout, _dashes(side * (layout.half - layout.parking), 0.1, 1.0, 1.0), white)
        elif kind != "none":
            paint = white if kind in {"white", "bay"} else yellow
            _paint(kit, layout, _dashes(edge, 0.09, 4.0, 0.0), paint)
            if kind == "double":
                _paint(kit, layout, _dashes(edge - side * 0.2, 0.09, 4.0, 0.0), paint)
        if layout.half > 6 and kit.chance(0.8):  # noqa: PLR2004
            _paint(kit, layout, _dashes(side * layout.half * 0.5, 0.11, dash or 3.0, gap or 5.0), white)
    _marks(kit, layout, white, yellow)


def _marks(kit: Kit, layout: Layout, white: int, yellow: int) -> None:
    """Crossings, stop lines, arrows and lettering."""
    for _ in range(kit.count(0, 3)):
        at = kit.between(0, END - 80)
        kind = kit.one_of(("zebra", "stop", "glyphs", "hatch"))
        if kind == "zebra":
            bars = np.arange(-layout.half + 0.4, layout.half - 0.6, 1.1)
            _paint(kit, layout, np.stack([bars * 0 + at, bars * 0 + at + 3, bars, bars + 0.55], 1), white)
        elif kind == "stop":
            edges = sorted((0.1, layout.drive_side * layout.half * 0.9))
            _paint(kit, layout, np.array([[at, at + 0.35, *edges]]), white)
        else:
            n = kit.count(3, 12)
            low = kit.rng.uniform((at, layout.lane - 0.9), (at + 4, layout.lane + 0.7), (n, 2))
            size = kit.rng.uniform(0.08, 0.2, (n, 2)) * np.where(kit.rng.random((n, 1)) < 0.5, (6, 1), (1, 5))  # noqa: PLR2004
            marks = np.stack([low[:, 0], low[:, 0] + size[:, 0], low[:, 1], low[:, 1] + size[:, 1]], 1)
            _paint(kit, layout, marks, white if kit.chance(0.7) else yellow)


def _dashes(offset: float, width: float, dash: float, gap: float) -> Floats:
    """(N, 4) pieces of a line along the whole road; long dashes in pieces short enough to bend."""
    starts = np.arange(START, END, dash + gap)
    parts = max(1, int(np.ceil(dash / 4)))
    first = (starts[:, None] + np.arange(parts) * dash / parts).ravel()
    return np.stack([first, first + dash / parts, first * 0 + offset - width / 2, first * 0 + offset + width / 2], 1)


def _paint(kit: Kit, layout: Layout, pieces: Floats, material: int, height: float = _PAINT_HEIGHT) -> None:
    """Thin rectangles on the road, (N, 4) of (s0, s1, offset0, offset1)."""
    if len(pieces) == 0:
        return
    s = pieces[:, [0, 1, 1, 0]]
    offset = pieces[:, [2, 2, 3, 3]]
    points, uv = layout.course.at(s, offset, height), np.stack([s, offset], axis=-1)
    order = np.array([[0, 1, 2], [0, 2, 3]])
    kit.builder.triangles(points[:, order].reshape(-1, 3, 3), uv[:, order].reshape(-1, 3, 2), material)
