# SPDX-License-Identifier: Apache-2.0
"""What a robot must not drive into: the points that stand on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.geometry.cloud import PointSet
from joint_perception.kernels import available

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from joint_perception.geometry.cloud import Cloud
    from joint_perception.geometry.ground import Plane

_CELL_BITS = 21  # of each axis in a key of 64 bits


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
    left_out = np.zeros(256, bool)
    left_out[[*floor, *excluded]] = True
    keep = cloud.valid & ~left_out[cloud.labels & 0xFF]
    data = cloud.data[keep]
    if ground is not None:
        height = ground.height(data[:, :3])
        data = data[(height >= options.min_height) & (height <= options.max_height)]
    if options.max_range < math.inf:
        data = data[np.linalg.norm(data[:, :3], axis=1) <= options.max_range]
    if options.voxel_size > 0:
        data = data[_first_of_each_cube(data[:, :3], options.voxel_size)]
    return PointSet(np.ascontiguousarray(data))


def _first_of_each_cube(xyz: npt.NDArray[np.float32], size: float) -> npt.NDArray[np.intp]:
    # Of 64 bits an axis gets 21: cubes of a centimetre up to ten kilometres away.
    half = 1 << (_CELL_BITS - 1)
    cells = np.clip(np.floor(xyz / np.float32(size)), -half, half - 1).astype(np.int64) + half
    keys = (cells[:, 0] << (2 * _CELL_BITS)) | (cells[:, 1] << _CELL_BITS) | cells[:, 2]
    if available():
        from joint_perception.kernels.voxels import first_of_each  # noqa: PLC0415 (needs Numba)

        return first_of_each(keys)
    return np.sort(np.unique(keys, return_index=True)[1])
