# SPDX-License-Identifier: Apache-2.0
"""The plane a robot stands on, in the camera's optical frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_ENOUGH = 50  # points that a plane must go through to be believed
_SAMPLE = 4000  # points looked at: more do not make the plane better
_DRAWS = 64  # at half outliers, three good points are missed with a probability of 2e-4
_STEEPEST = math.cos(math.radians(50))  # a camera rolled or pitched by more sees no ground that is one


@dataclass(frozen=True)
class Plane:
    """A plane, and which side of it is up.

    Attributes:
        normal: Unit vector that points up, in the optical frame (x right, y down, z forward).
        offset: Height in metres of the camera's centre above the plane.
    """

    normal: tuple[float, float, float]
    offset: float

    @classmethod
    def from_mounting(cls, height: float, pitch: float = 0.0, roll: float = 0.0) -> Plane:
        """The ground below a camera that is fixed on a robot.

        Args:
            height: Of the optical centre above the ground, in metres.
            pitch: Radians by which the optical axis looks down.
            roll: Radians by which the camera is turned about its optical axis, clockwise seen from behind.
        """
        up = (
            -math.sin(roll) * math.cos(pitch),
            -math.cos(roll) * math.cos(pitch),
            -math.sin(pitch),
        )
        return cls(up, height)

    def height(self, xyz: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Metres above the plane of (..., 3) points: (...); NaN where a point is."""
        heights: npt.NDArray[np.float32] = _dot(xyz, np.array(self.normal, np.float32)) + np.float32(self.offset)
        return heights


def _dot(points: npt.NDArray[Any], vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Products of (..., 3) points with one vector, (3,), or of (N, 3) points with each of (M, 3): (N, M).

    Not `@`: BLAS would wake its threads for it, which then wait for more at full speed, on the cores that the next
    frame needs (50 ms of it became 95).
    """
    if vectors.ndim > 1:
        points = points[:, None]
    products: npt.NDArray[Any] = points[..., 0] * vectors[..., 0]
    products += points[..., 1] * vectors[..., 1]
    products += points[..., 2] * vectors[..., 2]
    return products


def fit_ground(xyz: npt.NDArray[np.float32], tolerance: float = 0.05) -> Plane | None:
    """A plane through points that are said to be ground, most of which are.

    RANSAC (Fischler and Bolles, 1981) with draws that are the same each time, then least squares through the
    inliers. Planes that stand steeper than 50 degrees to the camera are no ground.

    Args:
        xyz: (N, 3) metres in the optical frame.
        tolerance: Distance in metres of an inlier at one metre from the camera; it grows with the distance,
            as errors of depth do.

    Returns:
        The plane; None where too few points lie on one.
    """
    xyz = xyz[np.isfinite(xyz).all(axis=-1)]
    if len(xyz) > _SAMPLE:
        xyz = xyz[:: len(xyz) // _SAMPLE + 1]
    if len(xyz) < _ENOUGH:
        return None
    points = xyz.astype(np.float64)
    allowed = tolerance * np.maximum(1.0, np.linalg.norm(points, axis=1))
    corners = points[np.random.default_rng(0).integers(0, len(points), (_DRAWS, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals[lengths > 0] / lengths[lengths > 0, None]
    offsets = -np.einsum("ij,ij->i", normals, corners[lengths > 0, 0])
    level = np.abs(normals[:, 1]) >= _STEEPEST
    normals, offsets = normals[level], offsets[level]
    if not len(normals):
        return None
    inside = np.abs(_dot(points, normals) + offsets) <= allowed[:, None]
    on = inside[:, inside.sum(axis=0).argmax()]
    if on.sum() < max(_ENOUGH, len(points) // 4):
        return None
    for _ in range(2):  # again with the inliers of the better plane
        centre = points[on].mean(axis=0)
        apart = points[on] - centre
        # The direction in which they spread least; of 3x3 numbers, not of all points, for the same reason.
        normal = np.linalg.eigh(np.einsum("ij,ik->jk", apart, apart))[1][:, 0]
        offset = -float(_dot(centre, normal))
        on = np.abs(_dot(points, normal) + offset) <= allowed
        if on.sum() < _ENOUGH:
            return None
    if normal[1] > 0:  # y points down
        normal, offset = -normal, -offset
    if -normal[1] < _STEEPEST or offset <= 0:  # too steep, or above the camera
        return None
    return Plane((float(normal[0]), float(normal[1]), float(normal[2])), offset)
