# SPDX-License-Identifier: Apache-2.0
"""How arrays lie in messages: all fields of an output but its header, each byte the same whoever writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from joint_perception.geometry.cloud import FIELDS
from joint_perception.geometry.depth import to_millimetres

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from joint_perception.geometry import Cloud, PointSet

# sensor_msgs/PointField's constants.
_POINT_FIELD_TYPES = {"f4": 7, "u4": 6}
_POSITION = ("x", "y", "z")
ALL_FIELDS = tuple(name for name, _ in FIELDS)
_ENCODINGS = {
    ("uint8", 1): "mono8",
    ("uint8", 3): "rgb8",
    ("uint16", 1): "16UC1",
    ("float32", 1): "32FC1",
    ("float32", 3): "32FC3",
}


class ImageLayout(NamedTuple):
    """The fields of a sensor_msgs/Image.

    Attributes:
        height: Rows.
        width: Columns.
        encoding: Name of the pixels' type.
        is_bigendian: 0.
        step: Bytes of a row.
        data: All bytes, 1-D uint8.
    """

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PointFieldLayout:
    """The fields of a sensor_msgs/PointField."""

    name: str
    offset: int
    datatype: int
    count: int


class CloudLayout(NamedTuple):
    """The fields of a sensor_msgs/PointCloud2; `data` is 1-D uint8."""

    height: int
    width: int
    fields: tuple[PointFieldLayout, ...]
    is_bigendian: bool
    point_step: int
    row_step: int
    data: npt.NDArray[np.uint8]
    is_dense: bool


def bytes_of(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The bytes of an array in C order, 1-D; a view where it lies so already."""
    flat: npt.NDArray[np.uint8] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return flat


def image_layout(pixels: npt.NDArray[Any]) -> ImageLayout:
    """The layout of an image.

    Args:
        pixels: (H, W) uint8 becomes mono8, uint16 16UC1, float32 32FC1; (H, W, 3) uint8 rgb8, float32 32FC3.

    Raises:
        ValueError: Any other shape or type.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    encoding = _ENCODINGS.get((pixels.dtype.name, channels))
    if encoding is None:
        raise ValueError(f"no image encoding for {pixels.shape} {pixels.dtype}")
    height, width = pixels.shape[:2]
    return ImageLayout(height, width, encoding, 0, width * channels * pixels.dtype.itemsize, bytes_of(pixels))


def depth_pixels(depth: npt.NDArray[np.float32], encoding: str) -> npt.NDArray[Any]:
    """A depth image by REP-118.

    Args:
        depth: (H, W) float32 metres, NaN where there is no measurement.
        encoding: `32FC1`: metres, NaN kept. `16UC1`: millimetres, rounded, 0 where there is no measurement or
            more than 65.535 m.
    """
    return depth if encoding == "32FC1" else to_millimetres(depth)


def confidence_pixels(confidence: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(H, W) float32 probabilities 0..1 as 0..255, rounded."""
    rounded: npt.NDArray[np.float32] = np.rint(confidence * np.float32(255))
    return rounded.astype(np.uint8)


def cloud_layout(
    cloud: Cloud | PointSet,
    semantic_colors: npt.NDArray[np.uint8] | None = None,
    fields: Collection[str] = ALL_FIELDS,
) -> CloudLayout:
    """The layout of a cloud.

    Args:
        cloud: A `Cloud` becomes an organised one, not dense, since NaN marks no point; a `PointSet` one row, dense.
        semantic_colors: (..., 3) uint8 RGB of each point: a further FLOAT32 field semantic_color, packed as rgb is,
            which semantic octomaps look for; None: no such field.
        fields: Of x, y, z, rgb, label and confidence, those that are wanted, in that order; x, y and z always are.
    """
    kept = [i for i, (name, _) in enumerate(FIELDS) if name in fields or name in _POSITION]
    names = [FIELDS[i] for i in kept]
    # The first so many are a view, which is as fast to copy from as the whole.
    data = cloud.data if len(kept) == len(FIELDS) else cloud.data[..., : len(kept)]
    if kept != list(range(len(kept))):
        data = cloud.data[..., kept]
    if semantic_colors is not None:
        names.append(("semantic_color", "f4"))
        data = np.concatenate([data, _packed(semantic_colors)[..., None]], axis=-1)
    point_step = 4 * len(names)
    organised = cloud.data.ndim == 3  # noqa: PLR2004
    height, width = cloud.data.shape[:2] if organised else (1, len(cloud.data))
    table = tuple(PointFieldLayout(name, 4 * i, _POINT_FIELD_TYPES[kind], 1) for i, (name, kind) in enumerate(names))
    return CloudLayout(
        height,
        width,
        table,
        is_bigendian=False,
        point_step=point_step,
        row_step=point_step * width,
        data=bytes_of(data),
        is_dense=not organised,
    )


def _packed(colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(..., 3) uint8 RGB as the bits of 0x00RRGGBB: (...) float32."""
    wide = colors.astype(np.uint32)
    return (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).view(np.float32)
