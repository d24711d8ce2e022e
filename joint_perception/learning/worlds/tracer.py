# SPDX-License-Identifier: Apache-2.0
"""Rays against triangles: Intel's Embree, through embreex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from embreex.mesh_construction import TriangleMesh  # type: ignore[import-untyped,import-not-found,unused-ignore]
from embreex.rtcore_scene import EmbreeScene  # type: ignore[import-untyped,import-not-found,unused-ignore]

from joint_perception.learning.worlds.vectors import dot

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.mesh import Mesh

    Array = npt.NDArray[np.float32]

# Rays that start on a surface start this far above it, in metres: float32 at 300 m resolves 3e-5.
_LIFT = 2e-3


@dataclass(frozen=True)
class Surface:
    """What rays hit. Every array has one row per hit.

    Attributes:
        distance: (N,) float32, in lengths of the ray's direction vector.
        point: (N, 3) float32 metres.
        normal: (N, 3) float32 unit, smooth over round shapes, facing the ray's origin.
        face: (N, 3) float32 unit normal of the triangle, facing it too.
        uv: (N, 2) float32 metres along the surface.
        material: (N,) int32.
    """

    distance: Array
    point: Array
    normal: Array
    face: Array
    uv: Array
    material: npt.NDArray[np.int32]

    def take(self, index: npt.NDArray[np.intp]) -> Surface:
        """Those rows."""
        return Surface(
            self.distance[index], self.point[index], self.normal[index], self.face[index], self.uv[index],
            self.material[index],
        )  # fmt: skip

    def lifted(self) -> Array:
        """(N, 3) points just off the surface, from which to cast further rays."""
        lifted: Array = self.point + self.face * (_LIFT * (1 + 0.01 * self.distance[:, None]))
        return lifted


class Tracer:
    """One mesh, ready for rays."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        flat = np.cross(mesh.corners[:, 1] - mesh.corners[:, 0], mesh.corners[:, 2] - mesh.corners[:, 0])
        self._face = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-20))
        # One gather per hit is quicker than three: three normals and three uv side by side.
        self._corner_data = np.concatenate(
            [mesh.normals.reshape(-1, 9), mesh.uv.reshape(-1, 6)], axis=1, dtype=np.float32
        )
        self._scene = EmbreeScene()
        self._geometry = TriangleMesh(self._scene, np.ascontiguousarray(mesh.corners, np.float32))

    def cast(self, origins: Array, directions: Array) -> tuple[npt.NDArray[np.bool_], Surface]:
        """The nearest surface along each ray.

        Args:
            origins: (N, 3) float32 metres.
            directions: (N, 3) float32, of any length.

        Returns:
            (N,) bool: which rays hit; and the surfaces of those that did, in their order.
        """
        result = self._scene.run(
            np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32), output=1
        )
        hit = result["primID"] >= 0
        chosen = slice(None) if hit.all() else hit  # in a room every ray hits: no copies
        triangle = result["primID"][chosen]
        distance, u, v = (result[name][chosen] for name in ("tfar", "u", "v"))
        directions = directions[chosen]
        data = self._corner_data[triangle]
        u, v = u[:, None], v[:, None]
        w = 1 - u - v
        smooth = data[:, 0:3] * w + data[:, 3:6] * u + data[:, 6:9] * v
        uv = data[:, 9:11] * w + data[:, 11:13] * u + data[:, 13:15] * v
        face = self._face[triangle]
        face = np.where(dot(face, directions)[:, None] > 0, -face, face)
        point = origins[chosen] + directions * distance[:, None]
        normal = _facing(smooth, face, directions)
        return hit, Surface(distance, point, normal, face, uv, self._mesh.material[triangle])

    def blocked(self, origins: Array, directions: Array, reach: Array) -> npt.NDArray[np.bool_]:
        """Whether anything lies along each ray before `reach` (N,), in lengths of its direction."""
        result = self._scene.run(
            np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32),
            dists=np.ascontiguousarray(reach, np.float32), query="OCCLUDED",
        )  # fmt: skip
        blocked: npt.NDArray[np.bool_] = np.asarray(result) >= 0
        return blocked


def _facing(smooth: Array, face: Array, directions: Array) -> Array:
    """Unit smooth normals on the visible side: of the face's side, and never turned away from the ray."""
    normal = np.where(dot(smooth, face)[:, None] < 0, -smooth, smooth)
    square = dot(normal, normal)[:, None]  # nothing where the corners' normals cancel out: take the facet's
    normal = np.where(square < 1e-6, face, normal / np.sqrt(np.maximum(square, np.float32(1e-12))))  # noqa: PLR2004
    over = np.flatnonzero(dot(normal, directions) > 0)  # at a rim the rounded normal may look away, the facet not
    if len(over):
        ray, bent = directions[over], normal[over]
        bent = bent - ray * (dot(bent, ray) * np.float32(1.001) / dot(ray, ray))[:, None]
        normal[over] = bent / np.sqrt(np.maximum(dot(bent, bent), np.float32(1e-12)))[:, None]
    return normal
