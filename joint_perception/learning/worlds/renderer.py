# SPDX-License-Identifier: Apache-2.0
"""One view of a scene: picture, depth, labels and normals."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.worlds.shader import Shader
from joint_perception.learning.worlds.tracer import Surface, Tracer
from joint_perception.learning.worlds.vectors import dot, normalized, turned

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.geometry import Pinhole
    from joint_perception.learning.worlds.light import Indoor, Outdoor
    from joint_perception.learning.worlds.materials import MaterialColumns
    from joint_perception.learning.worlds.mesh import Mesh
    from joint_perception.learning.worlds.sensor import Sensor

    Array = npt.NDArray[np.float32]

_EXTRA_SAMPLES = 1  # rays more for a pixel on an edge
_EDGE_SHARE = 0.2  # at most this share of the pixels gets them; foliage is edges all over
_TILE = 4  # secondary rays repeat in tiles of 4x4 pixels, which the smoothing evens out


@dataclass(frozen=True)
class Rendering:
    """A picture of a world and the truth about it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 metres along the optical axis (Z, not range); NaN where there is no surface.
        labels: (H, W) uint8 class ids; 255 where void.
        normals: (H, W, 3) float32 unit vectors in the camera's optical frame (x right, y down, z forward),
            towards the camera; NaN where there is no surface.
        camera: What took it.
        pose: (4, 4) float64 camera-to-world, of the optical frame.
    """

    image: npt.NDArray[np.uint8]
    depth: Array
    labels: npt.NDArray[np.uint8]
    normals: Array
    camera: Pinhole
    pose: npt.NDArray[np.float64]


class Renderer:
    """A scene: shapes, materials, light and the sensor that looks at them."""

    def __init__(
        self, mesh: Mesh, materials: MaterialColumns, light: Indoor | Outdoor, sensor: Sensor, background: int = VOID_ID
    ) -> None:
        """Make the scene ready for rays.

        Args:
            mesh: All shapes, z up.
            materials: Of the mesh's material numbers.
            light: Sun and sky, or lamps.
            sensor: How light becomes pixels.
            background: Label where no surface is.
        """
        self.tracer = Tracer(mesh)
        self._materials = materials
        self._light = light
        self._sensor = sensor
        self._background = background
        self._shader = Shader(self.tracer, materials, light)

    def probe(self, camera: Pinhole, pose: npt.NDArray[np.float64]) -> tuple[Array, npt.NDArray[np.uint8]]:
        """Only (H, W) depth, NaN where nothing is, and (H, W) labels: cheap, to judge a view by."""
        hit, surface = self.tracer.cast(*_rays(camera, pose))
        depth = np.full(len(hit), np.nan, np.float32)
        labels = np.full(len(hit), self._background, np.uint8)
        depth[hit], labels[hit] = surface.distance, self._materials.label[surface.material]
        shape = (camera.height, camera.width)
        return depth.reshape(shape), labels.reshape(shape)

    def render(self, camera: Pinhole, pose: npt.NDArray[np.float64]) -> Rendering:
        """The view of a camera at a pose; the same bytes for the same arguments.

        Args:
            camera: Intrinsics and size.
            pose: (4, 4) float64 camera-to-world, of the optical frame.

        Raises:
            ValueError: The pose is no rigid transform.
        """
        pose = _checked(pose)
        digest = hashlib.sha256(pose.tobytes() + repr(camera).encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        shape = (camera.height, camera.width)
        origins, rays = _rays(camera, pose)
        hit, surface = self.tracer.cast(origins, rays)  # rays have z = 1 in the camera: distance is depth
        labels = np.full(len(hit), self._background, np.uint8)
        labels[hit] = self._materials.label[surface.material]
        normals = np.full((len(hit), 3), np.nan, np.float32)
        normals[hit] = turned(surface.normal, pose[:3, :3])
        depth = np.full(len(hit), np.nan, np.float32)
        depth[hit] = surface.distance

        radiance, shares = self._radiance(camera, rays, hit, surface, rng)
        edges = self._edges(hit, surface, shape, rng)
        if len(edges):
            self._refine(radiance, shares, edges, (camera, pose), rng)
        image = self._sensor.develop(radiance.reshape(*shape, 3), hit.reshape(shape), rng)
        return Rendering(image, depth.reshape(shape), labels.reshape(shape), normals.reshape(*shape, 3), camera, pose)

    def _radiance(
        self, camera: Pinhole, rays: Array, hit: npt.NDArray[np.bool_], surface: Surface, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """(H * W, 3) colours at the pixels' centres, and (H * W, 2) smoothed shares of light."""
        shape = (camera.height, camera.width)
        dice = _dice(shape, rng)[hit]
        direct, noisy = self._shader.shadows(surface, dice)
        unit = normalized(rays)
        shares = np.zeros((len(hit), 2), np.float32)
        shares[hit] = noisy
        shares = _smoothed(shares, hit, surface, shape)
        radiance = np.empty((len(hit), 3), np.float32)
        radiance[~hit] = self._light.background(unit[~hit])
        footprint = _footprint(surface, unit[hit], camera)
        radiance[hit] = self._shader.color(surface, unit[hit], footprint, direct, shares[hit])
        return radiance, shares

    def _edges(
        self, hit: npt.NDArray[np.bool_], surface: Surface, shape: tuple[int, int], rng: np.random.Generator
    ) -> npt.NDArray[np.intp]:
        """Pixels whose neighbour shows another material or another slope: where one ray is not enough."""
        key = np.full(len(hit), -1.0, np.float32)
        key[hit] = surface.material * np.float32(7.0) + dot(surface.normal, np.array([3.1, 2.3, 1.7], np.float32))
        grid = key.reshape(shape)
        edge = np.zeros(shape, bool)
        for axis in (0, 1):
            differs = np.abs(np.diff(grid, axis=axis)) > 0.3  # noqa: PLR2004
            before, after = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
            edge[before] |= differs
            edge[after] |= differs
        index = np.flatnonzero(edge)
        most = int(_EDGE_SHARE * edge.size)
        return index if len(index) <= most else np.sort(rng.choice(index, most, replace=False))

    def _refine(
        self, radiance: Array, shares: Array, edges: npt.NDArray[np.intp],
        view: tuple[Pinhole, npt.NDArray[np.float64]], rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """Average further rays within the pixels `edges` into `radiance`."""
        camera, pose = view
        index = np.tile(edges, _EXTRA_SAMPLES)
        jitter = rng.random((len(index), 2), np.float32) - np.float32(0.5)
        origins, rays = _rays(camera, pose, (index % camera.width + jitter[:, 0], index // camera.width + jitter[:, 1]))
        hit, surface = self.tracer.cast(origins, rays)
        unit = normalized(rays)
        color = np.empty((len(index), 3), np.float32)
        color[~hit] = self._light.background(unit[~hit])
        dice = rng.random((int(hit.sum()), 2), np.float32)
        through = self._materials.shares[surface.material, 3]
        direct, arrives = self._light.direct(surface, self.tracer, dice, through)
        footprint = _footprint(surface, unit[hit], camera)
        own = np.stack([arrives, np.maximum(shares[index[hit], 1], 0.4)], 1)
        color[hit] = self._shader.color(surface, unit[hit], footprint, direct, own)
        extra = color.reshape(_EXTRA_SAMPLES, len(edges), 3).sum(0)
        radiance[edges] = (radiance[edges] + extra) / (_EXTRA_SAMPLES + 1)


def _checked(pose: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    pose = np.asarray(pose, np.float64)
    if pose.shape != (4, 4) or not np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6):
        raise ValueError(f"pose is {pose.tolist()}; need a (4, 4) rigid camera-to-world transform")
    return pose


def _rays(
    camera: Pinhole, pose: npt.NDArray[np.float64], pixels: tuple[Array, Array] | None = None
) -> tuple[Array, Array]:
    """Origins and directions, (N, 3) float32, of those pixels or of all; a direction has depth 1."""
    if pixels is None:
        v, u = np.indices((camera.height, camera.width), np.float32)
        pixels = u.ravel(), v.ravel()
    x, y = (pixels[0] - camera.cx) / camera.fx, (pixels[1] - camera.cy) / camera.fy
    # Column by column: a product of a tall with a small matrix is slow in BLAS.
    rays = np.stack([x * row[0] + y * row[1] + row[2] for row in pose[:3, :3]], axis=1, dtype=np.float32)
    return np.broadcast_to(pose[:3, 3].astype(np.float32), rays.shape), rays


def _footprint(surface: Surface, unit: Array, camera: Pinhole) -> Array:
    """(N,) width of a pixel on the surfaces, between its narrow and its wide way."""
    cosine = np.maximum(-dot(surface.face, unit), np.float32(0.02))
    footprint: Array = surface.distance / np.float32(camera.fx) / np.sqrt(cosine)
    return footprint


def _dice(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """(H * W, 4) random numbers: stratified in every 4x4 tile, so that a mean over a tile is good."""
    strata = (
        np.stack([rng.permutation(_TILE**2) for _ in range(4)], axis=-1).reshape(_TILE, _TILE, 4).astype(np.float32)
    )
    rows, columns = -(-shape[0] // _TILE), -(-shape[1] // _TILE)
    tiled = np.tile(strata, (rows, columns, 1))[: shape[0], : shape[1]].reshape(-1, 4)
    dice: Array = (tiled + rng.random(tiled.shape, np.float32)) / np.float32(_TILE**2)
    return dice


def _smoothed(shares: Array, hit: npt.NDArray[np.bool_], surface: Surface, shape: tuple[int, int]) -> Array:
    """(H * W, 2) shares averaged over neighbours in the same plane: five across, then five down."""
    packed = np.zeros((len(hit), 4), np.float32)  # normal, and offset of its plane from the origin
    packed[hit, :3] = surface.normal
    packed[hit, 3] = dot(surface.normal, surface.point)
    depth = np.ones(len(hit), np.float32)
    depth[hit] = surface.distance
    tolerance = (0.02 + 0.01 * depth).reshape(shape)
    planes = packed.reshape(*shape, 4)
    values = shares.reshape(*shape, 2)
    for axis in (1, 0):
        total, weight = values.copy(), np.ones(shape, np.float32)
        # Weights 1/2, 1, 1, 1, 1/2: four in all, the period of the dice, which therefore cancel out.
        for step, share in ((1, 1.0), (2, 0.5)):
            near, far = (np.s_[:-step], np.s_[step:]) if axis == 0 else (np.s_[:, :-step], np.s_[:, step:])
            a, b = planes[near], planes[far]
            alike = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2] > 0.95  # noqa: PLR2004
            alike &= np.abs(a[..., 3] - b[..., 3]) < tolerance[near] * 2
            kernel = alike * np.float32(share)
            total[near] += values[far] * kernel[..., None]
            total[far] += values[near] * kernel[..., None]
            weight[near] += kernel
            weight[far] += kernel
        values = total / weight[..., None]
    return values.reshape(-1, 2)
