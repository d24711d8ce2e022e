# SPDX-License-Identifier: Apache-2.0
"""What a robot must not drive into: the points that stand on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.geometry.cloud import FIELDS, PointSet, label_table
from joint_perception.kernels import available

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from joint_perception.geometry.cloud import Cloud
    from joint_perception.geometry.ground import Plane

# Of each axis in a key of 64 bits (`kernels.voxels` has the same): cubes of a centimetre up to ten kilometres away.
_CELL_BITS = 21


@dataclass(frozen=True)
class ObstacleOptions:
    """Which points are obstacles.

    Attributes:
        min_height: Metres over the ground from which on a point is one.
        max_height: Metres over the ground up to which it is: a robot passes below the rest.
        max_range: Distance in metres from the camera up to which it is.
        voxel_size: Edge in metres of the cubes of which each keeps one point; 0: all points.
    """

    min_height: float = 0.1
    max_height: float = 2.0
    max_range: float = math.inf
    voxel_size: float = 0.05


def make_obstacles(
    cloud: Cloud, floor: Collection[int], excluded: Collection[int], ground: Plane | None, options: ObstacleOptions
) -> PointSet:
    """The obstacles among the points of a cloud.

    Args:
        cloud: With the class ids that `floor` and `excluded` speak of.
        floor: Class ids that are ground.
        excluded: Further ids that are no obstacles.
        ground: What heights count from; None: they are not tested.
        options: Limits.

    Returns:
        (N, 6) points, no NaN among them, in the order of the image's rows; of each cube the first.
    """
    choose = _compiled if available() else _plain
    return PointSet(choose(cloud.data.reshape(-1, len(FIELDS)), label_table([*floor, *excluded]), ground, options))


def _compiled(
    data: npt.NDArray[np.float32], left_out: npt.NDArray[np.bool_], ground: Plane | None, options: ObstacleOptions
) -> npt.NDArray[np.float32]:
    """One pass over the points, and one over the cubes of those that are left."""
    from joint_perception.kernels import voxels  # noqa: PLC0415 (needs Numba)

    plane = np.array([0, 0, 0, 0] if ground is None else [*ground.normal, ground.offset], np.float32)
    low, high = (-math.inf, math.inf) if ground is None else (options.min_height, options.max_height)
    limits = np.array([low, high, options.max_range, options.voxel_size], np.float32)
    indices, keys = np.empty(len(data), np.int64), np.empty(len(data), np.int64)
    count = voxels.select(data, data.view(np.uint32), left_out, plane, limits, indices, keys)
    indices = indices[:count]
    return data[indices[voxels.first_of_each(keys[:count])] if options.voxel_size > 0 else indices]


def _plain(
    data: npt.NDArray[np.float32], left_out: npt.NDArray[np.bool_], ground: Plane | None, options: ObstacleOptions
) -> npt.NDArray[np.float32]:
    """The same in NumPy, a pass for each operation."""
    data = data[np.isfinite(data[:, 2]) & ~left_out[data.view(np.uint32)[:, 4] & 0xFF]]
    if ground is not None:
        height = ground.height(data[:, :3])
        low, high = np.float32(options.min_height), np.float32(options.max_height)
        data = data[(height >= low) & (height <= high)]
    if options.max_range < math.inf:
        data = data[np.sqrt(np.square(data[:, :3]).sum(axis=1)) <= np.float32(options.max_range)]
    if options.voxel_size > 0:
        half = 1 << (_CELL_BITS - 1)
        cells = np.clip(np.floor(data[:, :3] / np.float32(options.voxel_size)), -half, half - 1).astype(np.int64) + half
        keys = (cells[:, 0] << (2 * _CELL_BITS)) | (cells[:, 1] << _CELL_BITS) | cells[:, 2]
        data = data[np.sort(np.unique(keys, return_index=True)[1])]
    return np.ascontiguousarray(data)
