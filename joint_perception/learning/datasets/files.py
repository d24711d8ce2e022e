# SPDX-License-Identifier: Apache-2.0
"""Image and annotation files, read without rescaling anything; errors name the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.datasets.sample import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

_COLOR_DIMENSIONS = 3


def read_rgb(path: Path) -> npt.NDArray[np.uint8]:
    """Read a photograph.

    Returns:
        (H, W, 3) uint8 RGB; a grey image has three equal channels.

    Raises:
        DatasetError: The file is missing, damaged, or has more than 8 bits.
    """
    pixels = _decode(path, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    if pixels.dtype != np.uint8:
        raise DatasetError(f"image {path} is {pixels.dtype}; only 8-bit images are read, convert it first")
    code = cv2.COLOR_BGR2RGB if pixels.ndim == _COLOR_DIMENSIONS else cv2.COLOR_GRAY2RGB
    return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)


def read_ids(path: Path, classes: int) -> npt.NDArray[np.uint8]:
    """Read a PNG of class ids.

    Args:
        path: The file.
        classes: Number of classes; 255 is void.

    Returns:
        (H, W) uint8.

    Raises:
        DatasetError: The file is missing or damaged, not an 8-bit image of one channel, or has an id that is
            neither a class nor void.
    """
    ids = _decode(path, cv2.IMREAD_UNCHANGED)
    if ids.ndim != 2 or ids.dtype != np.uint8:  # noqa: PLR2004
        raise DatasetError(
            f"label file {path} is {ids.shape} {ids.dtype}; it must have one 8-bit channel of class ids, "
            "no colours and no palette"
        )
    wrong = ids[(ids >= classes) & (ids != VOID_ID)]
    if wrong.size:
        raise DatasetError(
            f"label file {path} has id {int(wrong.max())} in {wrong.size} pixels; ids go from 0 to {classes - 1}, "
            f"and {VOID_ID} is void"
        )
    return ids


def read_colored_labels(path: Path, colors: Mapping[tuple[int, int, int], int]) -> npt.NDArray[np.uint8]:
    """Read a PNG that shows each class in a colour of its own.

    Args:
        path: The file.
        colors: sRGB colour to class id; the colour of void among them.

    Returns:
        (H, W) uint8 class ids.

    Raises:
        DatasetError: The file is missing or damaged, has no colours, or one that is no class.
    """
    pixels = _decode(path, cv2.IMREAD_UNCHANGED)
    if pixels.ndim != _COLOR_DIMENSIONS or pixels.dtype != np.uint8:
        raise DatasetError(f"label file {path} is {pixels.shape} {pixels.dtype}; it must be an 8-bit colour image")
    blue, green, red = (pixels[..., i].astype(np.int32) for i in range(3))
    packed = red << 16 | green << 8 | blue
    labels = np.full(packed.shape, VOID_ID, np.uint8)
    known = np.zeros(packed.shape, bool)
    for (r, g, b), label in colors.items():
        hit = packed == (r << 16 | g << 8 | b)
        labels[hit] = label
        known |= hit
    if not known.all():
        wrong = int(packed[~known][0])
        raise DatasetError(
            f"label file {path} has the colour {(wrong >> 16, wrong >> 8 & 255, wrong & 255)} (R, G, B), which is "
            f"no class, and {int((~known).sum())} unknown pixels in all; save it without compression losses"
        )
    return labels


def read_depth(path: Path, units_per_metre: float) -> npt.NDArray[np.float32]:
    """Read a 16-bit depth PNG.

    Args:
        path: The file.
        units_per_metre: Value of a pixel one metre away; 0 is no measurement.

    Returns:
        (H, W) float32 metres, NaN where nothing was measured.

    Raises:
        DatasetError: The file is missing, damaged, or not one 16-bit channel.
    """
    raw = _decode(path, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 2 or raw.dtype != np.uint16:  # noqa: PLR2004
        raise DatasetError(f"depth file {path} is {raw.shape} {raw.dtype}; it must have one 16-bit channel")
    metres: npt.NDArray[np.float32] = raw / np.float32(units_per_metre)
    metres[raw == 0] = np.nan
    return metres


def read_normals(path: Path) -> npt.NDArray[np.float32]:
    """Read a PNG of surface normals as the authors of the network store them.

    Red is x, green is z and blue is minus y of the optical frame, -1..1 as 0..255; grey (128, 128, 128) where
    there is none. Read off `norm_gt_000433.png` of the authors' repository: its normals are 5 degrees (median)
    from those of the depth beside it.

    Returns:
        (H, W, 3) float32 unit vectors x, y, z, NaN where there is none.

    Raises:
        DatasetError: The file is missing, damaged, or not an 8-bit colour image.
    """
    pixels = _decode(path, cv2.IMREAD_UNCHANGED)
    if pixels.ndim != _COLOR_DIMENSIONS or pixels.shape[2] != 3 or pixels.dtype != np.uint8:  # noqa: PLR2004
        raise DatasetError(f"normals file {path} is {pixels.shape} {pixels.dtype}; it must be 8-bit RGB")
    vectors = pixels.astype(np.float32) / np.float32(127.5) - 1
    up, forward, right = vectors[..., 0], vectors[..., 1], vectors[..., 2]  # OpenCV reads blue, green, red
    vectors = np.stack([right, -up, forward], axis=-1)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    # A unit vector in 8 bits is 0.99 to 1.01 long; what is shorter than half stands for none.
    unit: npt.NDArray[np.float32] = np.where(length > 0.5, vectors / length, np.float32(np.nan))  # noqa: PLR2004
    return unit


def _decode(path: Path, flags: int) -> npt.NDArray[Any]:
    if not path.is_file():
        raise DatasetError(f"file {path} is missing; complete the data set, or take it out of its list")
    pixels = cv2.imread(str(path), flags)
    if pixels is None:
        raise DatasetError(f"file {path} cannot be decoded; it is damaged or no image, copy it again")
    return np.asarray(pixels)
