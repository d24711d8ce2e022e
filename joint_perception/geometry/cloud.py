# SPDX-License-Identifier: Apache-2.0
"""Point clouds, laid out as a PointCloud2 wants them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from joint_perception.geometry.edges import flying_pixels
from joint_perception.kernels import available

if TYPE_CHECKING:
    from collections.abc import Collection

    from joint_perception.geometry.pinhole import Pinhole

# name, NumPy type; each is four bytes, in this order, without gaps.
FIELDS = (("x", "f4"), ("y", "f4"), ("z", "f4"), ("rgb", "f4"), ("label", "u4"), ("confidence", "f4"))
POINT_STEP = 4 * len(FIELDS)


@dataclass(frozen=True)
class PointSet:
    """Points in the camera's optical frame.

    Attributes:
        data: (..., 6) float32, C-contiguous: x, y, z in metres; then rgb (the bits of 0x00RRGGBB), label (the
            bits of a uint32) and confidence 0..1, NaN where it is not known. (N, 6) for points without an order.
    """

    data: npt.NDArray[np.float32]

    @property
    def xyz(self) -> npt.NDArray[np.float32]:
        """(..., 3) float32 metres, a view."""
        return self.data[..., :3]

    @property
    def rgb(self) -> npt.NDArray[np.uint32]:
        """(...) uint32 0x00RRGGBB, a view."""
        return self.data.view(np.uint32)[..., 3]

    @property
    def labels(self) -> npt.NDArray[np.uint32]:
        """(...) uint32 class ids, a view."""
        return self.data.view(np.uint32)[..., 4]

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """(...) float32 0..1, a view."""
        return self.data[..., 5]


@dataclass(frozen=True)
class Cloud(PointSet):
    """An organised cloud: one point for each pixel.

    Attributes:
        data: (H, W, 6) float32 as of `PointSet`; x, y and z are NaN where there is no point.
    """

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool: where there is a point."""
        return np.isfinite(self.data[..., 2])


class Crop(NamedTuple):
    """How much of an image is cut off, as shares 0..1 of its width (left, right) and of its height (top, bottom)."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """The rows and columns that are left of an image, at least one of each."""

        def kept(size: int, before: float, after: float) -> slice:
            first = min(round(size * before), size - 1)
            return slice(first, max(size - round(size * after), first + 1))

        return kept(height, self.top, self.bottom), kept(width, self.left, self.right)


NO_CROP = Crop()


@dataclass(frozen=True)
class CloudOptions:
    """Which pixels become points.

    Attributes:
        stride: Every n-th row and column of what `crop` leaves, the first included.
        crop: What is cut off the image.
        min_range: Distance in metres from the optical centre below which there is no point.
        max_range: Distance above which there is none.
        edge_filter: Step of the depth to a neighbour, as a share of it, above which there is none (see
            `flying_pixels`); 0: off.
    """

    stride: int = 1
    crop: Crop = NO_CROP
    min_range: float = 0.0
    max_range: float = math.inf
    edge_filter: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what leaves nothing.

        Raises:
            ValueError: A stride below 1, an empty range, a negative filter, or a crop that leaves nothing.
        """
        left, top, right, bottom = self.crop
        if not (min(self.crop) >= 0 and left + right < 1 and top + bottom < 1):
            raise ValueError(f"{self.crop}; need shares of at least 0, and less than 1 for opposite edges together")
        if self.stride < 1 or not 0 <= self.min_range < self.max_range or not self.edge_filter >= 0:
            raise ValueError(f"{self}; need stride >= 1, 0 <= min_range < max_range and edge_filter >= 0")


def make_cloud(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.float32],
    confidence: npt.NDArray[np.float32] | None,
    camera: Pinhole,
    excluded: Collection[int] = (),
    options: CloudOptions | None = None,
) -> Cloud:
    """Back-project every pixel.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 class ids.
        depth: (H, W) float32 metres along the optical axis; NaN where there is none.
        confidence: (H, W) float32 0..1; None: not known, NaN in every point.
        camera: The camera of an image of this size.
        excluded: Class ids that get no point, such as sky.
        options: What else gets none; None: nothing.

    Returns:
        A cloud of H x W points, or of every stride-th row and column of what the crop leaves. A pixel without valid
        depth, or left out, has NaN in x, y and z, and keeps its colour, label and confidence.

    Raises:
        ValueError: The shapes differ, or are not the camera's.
    """
    height, width = labels.shape
    sure = labels.shape if confidence is None else confidence.shape
    if not image.shape[:2] == depth.shape == sure == (camera.height, camera.width) == (height, width):
        raise ValueError(
            f"image {image.shape[:2]}, labels {labels.shape}, depth {depth.shape}, confidence {sure} "
            f"and camera {(camera.height, camera.width)} must be of one height and width"
        )
    options = options or CloudOptions()
    rays_x, rays_y = camera.rays()
    if options.edge_filter > 0:  # before the stride: neighbours are those in the image
        depth = np.where(flying_pixels(depth, options.edge_filter), np.float32(np.nan), depth)
    if any(options.crop):
        window = rows, columns = options.crop.window(height, width)
        image, labels, depth = image[window], labels[window], depth[window]
        confidence = None if confidence is None else confidence[window]
        rays_x, rays_y = rays_x[columns], rays_y[rows]
    if available():
        return _packed(image, labels, depth, confidence, rays_x, rays_y, excluded, options)
    return _plain(image, labels, depth, confidence, rays_x, rays_y, excluded, options)


def _packed(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.float32],
    confidence: npt.NDArray[np.float32] | None,
    rays_x: npt.NDArray[np.float32],
    rays_y: npt.NDArray[np.float32],
    excluded: Collection[int],
    options: CloudOptions,
) -> Cloud:
    """One pass over the pixels, compiled."""
    from joint_perception.kernels.packing import pack  # noqa: PLC0415 (needs Numba)

    height, width = (-(-size // options.stride) for size in labels.shape)
    data = np.empty((height, width, len(FIELDS)), np.float32)
    parts = [image, labels, depth, np.empty((0, 0), np.float32) if confidence is None else confidence]
    pack(
        *(np.ascontiguousarray(part) for part in parts),
        rays_x,
        rays_y,
        options.stride,
        label_table(excluded),
        options.min_range > 0 or options.max_range < math.inf,
        np.float32(options.min_range),
        np.float32(options.max_range),
        data,
        data.view(np.uint32),
    )
    return Cloud(data)


def _plain(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.float32],
    confidence: npt.NDArray[np.float32] | None,
    rays_x: npt.NDArray[np.float32],
    rays_y: npt.NDArray[np.float32],
    excluded: Collection[int],
    options: CloudOptions,
) -> Cloud:
    """The same in NumPy, a pass for each operation."""
    if options.stride > 1:
        every = slice(None, None, options.stride)
        image, labels = image[every, every], labels[every, every]
        depth, confidence = depth[every, every], None if confidence is None else confidence[every, every]
        rays_x, rays_y = rays_x[every], rays_y[every]
    if excluded:
        depth = np.where(label_table(excluded)[labels], np.float32(np.nan), depth)
    if options.min_range > 0 or options.max_range < math.inf:
        distance = depth * np.sqrt(1 + rays_x[None, :] ** 2 + rays_y[:, None] ** 2)
        inside = (distance >= options.min_range) & (distance <= options.max_range)  # False where NaN
        depth = np.where(inside, depth, np.float32(np.nan))

    data = np.empty((*labels.shape, len(FIELDS)), np.float32)
    cloud = Cloud(data)
    np.multiply(depth, rays_x[None, :], out=data[..., 0])
    np.multiply(depth, rays_y[:, None], out=data[..., 1])
    data[..., 2] = depth
    # 0x00RRGGBB, written byte by byte: little-endian, as the PointCloud2 that this becomes says.
    rgb = data.view(np.uint8).reshape(*labels.shape, POINT_STEP)[..., 12:16]
    rgb[..., 0], rgb[..., 1], rgb[..., 2], rgb[..., 3] = image[..., 2], image[..., 1], image[..., 0], 0
    cloud.labels[...] = labels
    data[..., 5] = np.nan if confidence is None else confidence
    return cloud


def label_table(labels: Collection[int]) -> npt.NDArray[np.bool_]:
    """(256,) bool: whether a label is one of these."""
    among = np.zeros(256, bool)
    among[list(labels)] = True
    return among
