# SPDX-License-Identifier: Apache-2.0
"""Triangles and how shapes become triangles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.floating]
    Point = Sequence[float] | Floats

# Two triangles a face; corners as signs of x, y, z; u and v run along the axes named.
_FACES = (
    ("x", -1, "y", "z"),
    ("x", 1, "y", "z"),
    ("y", -1, "x", "z"),
    ("y", 1, "x", "z"),
    ("z", -1, "x", "y"),
    ("z", 1, "x", "y"),
)


@dataclass(frozen=True)
class Mesh:
    """Triangles, each corner with its own normal and texture coordinates.

    Attributes:
        corners: (T, 3, 3) float32 metres; z is up.
        normals: (T, 3, 3) float32 unit vectors at the corners, for either side.
        uv: (T, 3, 2) float32 metres along the surface.
        material: (T,) int32 numbers in the material table.
    """

    corners: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    uv: npt.NDArray[np.float32]
    material: npt.NDArray[np.int32]

    def moved(self, offset: Point, yaw: float = 0.0, scale: float = 1.0) -> Mesh:
        """The mesh scaled, turned about z by `yaw` radians, then shifted."""
        turn = rotation(yaw).T.astype(np.float32)
        shift = np.asarray(offset, np.float32)
        corners = (self.corners @ turn) * np.float32(scale) + shift
        return Mesh(corners, self.normals @ turn, self.uv * np.float32(scale), self.material)


def rotation(yaw: float, tilt: float = 0.0, roll: float = 0.0) -> npt.NDArray[np.float64]:
    """Rotation matrix: about x by `roll`, then about y by `tilt`, then about z by `yaw`, in radians."""
    cz, sz, cy, sy = math.cos(yaw), math.sin(yaw), math.cos(tilt), math.sin(tilt)
    cx, sx = math.cos(roll), math.sin(roll)
    about_z: npt.NDArray[np.float64] = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    turn: npt.NDArray[np.float64] = about_z @ about_y @ about_x
    return turn


class Builder:
    """Collects shapes; `build` makes one mesh of them."""

    def __init__(self) -> None:
        self._parts: list[Mesh] = []
        self._boxes: list[tuple[Point, Point, int, npt.NDArray[np.float64] | None, bool]] = []

    def box(
        self,
        center: Point,
        size: Point,
        material: int,
        turn: npt.NDArray[np.float64] | None = None,
        *,
        fit: bool = False,
    ) -> None:
        """A box.

        Args:
            center: Its middle.
            size: Full lengths along its axes.
            material: Of all faces.
            turn: Rotation matrix about the middle.
            fit: Each face shows one whole tile of the texture, whatever its size (the material's tile is 1).
        """
        self._boxes.append((center, size, material, turn, fit))

    def place(self, mesh: Mesh, offset: Point, yaw: float = 0.0, scale: float = 1.0) -> None:
        """A mesh made before, scaled, turned about z and shifted."""
        self._parts.append(mesh.moved(offset, yaw, scale))

    def triangles(
        self, corners: Floats, uv: Floats, material: int | npt.NDArray[np.int32], normals: Floats | None = None
    ) -> None:
        """Loose triangles: (T, 3, 3) corners, (T, 3, 2) uv; flat unless (T, 3, 3) normals are given."""
        if normals is None:
            normals = np.repeat(_unit(_spread(corners))[:, None], 3, axis=1)
        kind = np.array(np.broadcast_to(material, len(corners)), np.int32)
        self._parts.append(Mesh(corners.astype(np.float32), normals.astype(np.float32), uv.astype(np.float32), kind))

    def grid(
        self, points: Floats, material: int | npt.NDArray[np.int32], uv: Floats | None = None, *, smooth: bool = True
    ) -> None:
        """A surface through an array of points.

        Args:
            points: (R, C, 3), R and C at least 2.
            material: Of all of it; or (R - 1, C - 1), one for each facet.
            uv: (R, C, 2); by default the lengths along columns and rows.
            smooth: Round over the edges between its facets.
        """
        if uv is None:
            uv = _lengths(points)
        quad = [np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, 1:], np.s_[1:, :-1]]

        def split(values: Floats) -> Floats:
            a, b, c, d = (values[q].reshape(-1, values.shape[-1]) for q in quad)
            return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])

        corners = split(points)
        solid = (_spread(corners) ** 2).sum(1) > 1e-18  # noqa: PLR2004  # the poles of a sphere give empty triangles
        normals = split(_grid_normals(points))[solid] if smooth else None
        kind = material if isinstance(material, int) else np.tile(material.ravel(), 2)[solid]
        self.triangles(corners[solid], split(uv)[solid], kind, normals)

    def quad(self, a: Point, b: Point, c: Point, d: Point, material: int, *, fit: bool = False) -> None:
        """A flat four-sided face; u runs from a to b, v from a to d."""
        corners = np.array([[a, b, c], [a, c, d]], np.float64)
        width, height = (1.0, 1.0) if fit else (math.dist(a, b), math.dist(a, d))
        uv = np.array([[[0.0, 0.0], [width, 0.0], [width, height]], [[0.0, 0.0], [width, height], [0.0, height]]])
        self.triangles(corners, uv, material)

    def ellipsoid(
        self,
        center: Point,
        size: Point,
        material: int,
        power: float = 1.0,
        turn: npt.NDArray[np.float64] | None = None,
        rings: int = 8,
    ) -> None:
        """A superellipsoid of that full size: `power` 1 an ellipsoid, towards 0 a box with round edges."""
        lat = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)[:, None]
        lon = np.linspace(0, 2 * np.pi, 2 * rings + 1)[None, :]

        def bent(value: Floats) -> Floats:
            return np.sign(value) * np.abs(value) ** power

        east, north, up = bent(np.cos(lon)), bent(np.sin(lon)), bent(np.sin(lat))
        unit = np.stack(np.broadcast_arrays(bent(np.cos(lat)) * east, bent(np.cos(lat)) * north, up), axis=-1)
        points = unit * np.asarray(size) / 2
        if turn is not None:
            points = points @ turn.T
        self.grid(points + np.asarray(center), material)

    def lathe(
        self,
        base: Point,
        profile: Sequence[tuple[float, float]],
        material: int,
        sides: int = 12,
        turn: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """A profile of (radius, height) pairs turned about the z axis through `base`; `turn` tips it over."""
        angle = np.linspace(0, 2 * np.pi, sides + 1)
        circle = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], -1)
        rings = [circle * radius + (0, 0, height) for radius, height in profile]
        if turn is not None:
            rings = [ring @ turn.T for ring in rings]
        for i, (low, high) in enumerate(pairwise(rings)):
            flat = profile[i][1] == profile[i + 1][1]
            self.grid(np.stack([low, high]) + np.asarray(base), material, smooth=not flat)

    def cylinder(self, base: Point, height: float, lower: float, upper: float, material: int, sides: int = 12) -> None:
        """An upright (truncated) cone with its ends closed; radii `lower` and `upper` in metres."""
        self.lathe(base, [(0, 0), (lower, 0), (upper, height), (0, height)], material, sides)

    def tubes(self, starts: Floats, ends: Floats, lower: Floats, upper: Floats, material: int, sides: int = 5) -> None:
        """Many thin cones at once: (N, 3) starts and ends, (N,) radii at each; of one side: flat ribbons."""
        axis = ends - starts
        length = np.linalg.norm(axis, axis=1, keepdims=True)
        axis = axis / np.maximum(length, 1e-9)
        side = _unit(_cross(axis, np.where(np.abs(axis[:, 2:]) > 0.9, (1.0, 0, 0), (0, 0, 1.0))))  # noqa: PLR2004
        other = _cross(axis, side)
        angle = np.linspace(0, 2 * np.pi if sides > 1 else np.pi, sides + 1)
        ring = side[:, None] * np.cos(angle)[:, None] + other[:, None] * np.sin(angle)[:, None]
        a = starts[:, None] + ring * lower[:, None, None]
        b = ends[:, None] + ring * upper[:, None, None]
        around = np.broadcast_to(angle * lower[:, None], a.shape[:2])
        uv_a = np.stack([around, np.zeros_like(around)], -1)
        uv_b = np.stack([around, np.broadcast_to(length, around.shape)], -1)

        def split(low: Floats, high: Floats) -> Floats:
            p, q, r, s = low[:, :-1], low[:, 1:], high[:, 1:], high[:, :-1]
            both = np.concatenate([np.stack([p, q, r], 2), np.stack([p, r, s], 2)])
            return both.reshape(-1, 3, low.shape[-1])

        normals = split(ring, ring) if sides > 1 else None
        self.triangles(split(a, b), split(uv_a, uv_b), material, normals)

    def build(self) -> Mesh:
        """Everything collected so far as one mesh."""
        parts = [*self._parts, *([_boxes(self._boxes)] if self._boxes else [])]
        if not parts:
            return Mesh(
                np.zeros((0, 3, 3), np.float32),
                np.zeros((0, 3, 3), np.float32),
                np.zeros((0, 3, 2), np.float32),
                np.zeros(0, np.int32),
            )
        return Mesh(
            np.concatenate([p.corners for p in parts]),
            np.concatenate([p.normals for p in parts]),
            np.concatenate([p.uv for p in parts]),
            np.concatenate([p.material for p in parts]),
        )


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit


def _cross(a: Floats, b: Floats) -> Floats:
    """As np.cross for (..., 3), several times as fast on small arrays."""
    x, y, z = (b[..., i] for i in range(3))
    u, v, w = (a[..., i] for i in range(3))
    return np.stack([v * z - w * y, w * x - u * z, u * y - v * x], axis=-1)


def _spread(corners: Floats) -> Floats:
    """(T, 3): normals of triangles, as long as twice their areas."""
    return _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _lengths(points: Floats) -> Floats:
    """(R, C, 2): distance from the first column and from the first row."""
    along = np.sqrt(((points[:, 1:] - points[:, :-1]) ** 2).sum(-1))
    up = np.sqrt(((points[1:] - points[:-1]) ** 2).sum(-1))
    uv = np.zeros((*points.shape[:2], 2))
    np.cumsum(along, 1, out=uv[:, 1:, 0])
    np.cumsum(up, 0, out=uv[1:, :, 1])
    return uv


def _grid_normals(points: Floats) -> Floats:
    """(R, C, 3) unit normals by central differences; a grid whose columns or rows close goes round."""
    parts = []
    for axis in (0, 1):
        n = points.shape[axis]
        around = bool(np.abs(points.take(0, axis) - points.take(-1, axis)).max() < 1e-7)  # noqa: PLR2004
        before, after = np.arange(-1, n - 1), np.arange(1, n + 1)
        before[0], after[-1] = (n - 2, 1) if around else (0, n - 1)
        parts.append(points.take(after, axis) - points.take(before, axis))
    normals = _cross(parts[1], parts[0])
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    if length.min() > 1e-12:  # noqa: PLR2004
        return _unit(normals)
    # At the pole of a sphere one direction vanishes: the normal there points away from the middle of all.
    away = points - points.reshape(-1, 3).mean(0)
    away = np.where((away * _nearest(normals, length)).sum(-1, keepdims=True) < 0, -away, away)
    return _unit(np.where(length > 1e-12, normals, away))  # noqa: PLR2004


def _nearest(normals: Floats, length: Floats) -> Floats:
    """The mean direction of the rows next to a degenerate one, for its sign."""
    inner = normals[1:-1] if len(normals) > 2 else normals  # noqa: PLR2004
    ends = [inner[0].mean(0), inner[-1].mean(0)]
    out = np.array(normals)
    out[0], out[-1] = np.where(length[0] > 0, out[0], ends[0]), np.where(length[-1] > 0, out[-1], ends[1])
    return out


def _boxes(rows: list[tuple[Point, Point, int, npt.NDArray[np.float64] | None, bool]]) -> Mesh:
    """All boxes in one go: 12 triangles each."""
    center = np.array([row[0] for row in rows], np.float64)
    size = np.array([row[1] for row in rows], np.float64)
    material = np.array([row[2] for row in rows], np.int32)
    turn = np.array([np.eye(3) if row[3] is None else row[3] for row in rows])
    fit = np.array([row[4] for row in rows])
    corners, normals, uv = [], [], []
    for axis, sign, u_axis, v_axis in _FACES:
        n, u, v = "xyz".index(axis), "xyz".index(u_axis), "xyz".index(v_axis)
        signs = np.zeros((2, 3, 3))
        signs[..., n] = sign
        signs[..., u] = [[-1, 1, 1], [-1, 1, -1]]
        signs[..., v] = [[-1, -1, 1], [-1, 1, 1]]
        local = signs[None] * size[:, None, None, :] / 2
        corners.append(np.einsum("nij,ntcj->ntci", turn, local) + center[:, None, None])
        normals.append(np.broadcast_to((turn[:, :, n] * sign)[:, None, None], local.shape))
        span = np.where(fit[:, None], 1.0, size[:, [u, v]])
        uv.append((signs[..., [u, v]] / 2 + 0.5)[None] * span[:, None, None])
    return Mesh(
        np.concatenate(corners, 1).reshape(-1, 3, 3).astype(np.float32),
        np.concatenate(normals, 1).reshape(-1, 3, 3).astype(np.float32),
        np.concatenate(uv, 1).reshape(-1, 3, 2).astype(np.float32),
        np.repeat(material, 12),
    )
