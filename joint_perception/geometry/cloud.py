# SPDX-License-Identifier: Apache-2.0
"""Organised clouds: one point for each pixel, laid out as a PointCloud2 wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Collection

    from joint_perception.geometry.pinhole import Pinhole

# name, NumPy type; each is four bytes, in this order, without gaps.
FIELDS = (("x", "f4"), ("y", "f4"), ("z", "f4"), ("rgb", "f4"), ("label", "u4"), ("confidence", "f4"))
POINT_STEP = 4 * len(FIELDS)


@dataclass(frozen=True)
class Cloud:
    """An organised point cloud in the camera's optical frame.

    Attributes:
        data: (H, W, 6) float32, C-contiguous: x, y, z in metres, NaN where there is no point; then rgb
            (the bits of 0x00RRGGBB), label (the bits of a uint32) and confidence 0..1.
    """

    data: npt.NDArray[np.float32]

    @property
    def xyz(self) -> npt.NDArray[np.float32]:
        """(H, W, 3) float32 metres, a view."""
        return self.data[..., :3]

    @property
    def rgb(self) -> npt.NDArray[np.uint32]:
        """(H, W) uint32 0x00RRGGBB, a view."""
        return self.data.view(np.uint32)[..., 3]

    @property
    def labels(self) -> npt.NDArray[np.uint32]:
        """(H, W) uint32 class ids, a view."""
        return self.data.view(np.uint32)[..., 4]

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """(H, W) float32 0..1, a view."""
        return self.data[..., 5]

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool: where there is a point."""
        return np.isfinite(self.data[..., 2])


def make_cloud(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.float32],
    confidence: npt.NDArray[np.float32],
    camera: Pinhole,
    excluded: Collection[int] = (),
) -> Cloud:
    """Back-project every pixel.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 class ids.
        depth: (H, W) float32 metres along the optical axis; NaN where there is none.
        confidence: (H, W) float32 0..1.
        camera: The camera of an image of this size.
        excluded: Class ids that get no point, such as sky.

    Returns:
        A cloud of H x W points. A pixel without valid depth, or of an excluded class, has NaN in x, y and
        z, and keeps its colour, label and confidence.

    Raises:
        ValueError: The shapes differ, or are not the camera's.
    """
    height, width = labels.shape
    if not image.shape[:2] == depth.shape == confidence.shape == (camera.height, camera.width) == (height, width):
        raise ValueError(
            f"image {image.shape[:2]}, labels {labels.shape}, depth {depth.shape}, confidence {confidence.shape} "
            f"and camera {(camera.height, camera.width)} must be of one height and width"
        )
    if excluded:
        dropped = np.zeros(256, bool)
        dropped[list(excluded)] = True
        depth = np.where(dropped[labels], np.float32(np.nan), depth)

    data = np.empty((height, width, len(FIELDS)), np.float32)
    cloud = Cloud(data)
    rays_x, rays_y = camera.rays()
    np.multiply(depth, rays_x[None, :], out=data[..., 0])
    np.multiply(depth, rays_y[:, None], out=data[..., 1])
    data[..., 2] = depth
    # 0x00RRGGBB, written byte by byte: little-endian, as the PointCloud2 that this becomes says.
    rgb = data.view(np.uint8).reshape(height, width, POINT_STEP)[..., 12:16]
    rgb[..., 0], rgb[..., 1], rgb[..., 2], rgb[..., 3] = image[..., 2], image[..., 1], image[..., 0], 0
    cloud.labels[...] = labels
    data[..., 5] = confidence
    return cloud
