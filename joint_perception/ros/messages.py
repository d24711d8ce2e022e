# SPDX-License-Identifier: Apache-2.0
"""The core's arrays as messages; headers are the input's, untouched."""

from __future__ import annotations

import array
import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from joint_perception.geometry import CameraModelError, Pinhole
from joint_perception.geometry.cloud import FIELDS, POINT_STEP
from joint_perception.geometry.depth import to_millimetres
from joint_perception.msg import ClassMap, SemanticClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from std_msgs.msg import Header

    from joint_perception.domains import Domain
    from joint_perception.geometry import Cloud, PointSet

_POINT_FIELD_TYPES = {"f4": PointField.FLOAT32, "u4": PointField.UINT32}
_ENCODINGS = {
    ("uint8", 1): "mono8",
    ("uint8", 3): "rgb8",
    ("uint16", 1): "16UC1",
    ("float32", 1): "32FC1",
    ("float32", 3): "32FC3",
}


def to_bytes(values: npt.NDArray[Any]) -> array.array[int]:
    """The bytes of an array as rclpy takes them without a look at each element: 0.5 ms, not 400, a cloud."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values).view(np.uint8).data.cast("B"))
    return data


def image_message(header: Header, pixels: npt.NDArray[Any]) -> Image:
    """An image message.

    Args:
        header: Goes in as it is.
        pixels: (H, W) uint8 becomes mono8, uint16 16UC1, float32 32FC1; (H, W, 3) uint8 rgb8, float32 32FC3.

    Raises:
        ValueError: Any other shape or type.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    encoding = _ENCODINGS.get((pixels.dtype.name, channels))
    if encoding is None:
        raise ValueError(f"no image encoding for {pixels.shape} {pixels.dtype}")
    height, width = pixels.shape[:2]
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * channels * pixels.dtype.itemsize,
        data=to_bytes(pixels),
    )


def depth_message(header: Header, depth: npt.NDArray[np.float32], encoding: str) -> Image:
    """A depth image by REP-118.

    Args:
        header: Goes in as it is.
        depth: (H, W) float32 metres, NaN where there is no measurement.
        encoding: `32FC1`: metres, NaN kept. `16UC1`: millimetres, rounded, 0 where there is no measurement or
            more than 65.535 m.
    """
    if encoding == "32FC1":
        return image_message(header, depth)
    return image_message(header, to_millimetres(depth))


def cloud_message(header: Header, cloud: Cloud | PointSet) -> PointCloud2:
    """A PointCloud2 with fields x y z rgb label confidence.

    Args:
        header: Goes in as it is.
        cloud: A `Cloud` becomes an organised one, not dense, since NaN marks no point; a `PointSet` one row, dense.
    """
    organised = cloud.data.ndim == 3  # noqa: PLR2004
    height, width = cloud.data.shape[:2] if organised else (1, len(cloud.data))
    return PointCloud2(
        header=header,
        height=height,
        width=width,
        fields=[
            PointField(name=name, offset=4 * i, datatype=_POINT_FIELD_TYPES[kind], count=1)
            for i, (name, kind) in enumerate(FIELDS)
        ],
        is_bigendian=False,
        point_step=POINT_STEP,
        row_step=POINT_STEP * width,
        data=to_bytes(cloud.data),
        is_dense=not organised,
    )


def confidence_message(header: Header, confidence: npt.NDArray[np.float32]) -> Image:
    """A mono8 image of (H, W) float32 probabilities 0..1 as 0..255, rounded."""
    return image_message(header, np.rint(confidence * np.float32(255)).astype(np.uint8))


def class_map_message(header: Header, domain: Domain, void_id: int) -> ClassMap:
    """What the label ids of a domain mean."""
    classes = [
        SemanticClass(id=i, name=name, r=r, g=g, b=b)
        for i, (name, (r, g, b)) in enumerate(zip(domain.class_names, domain.colors, strict=True))
    ]
    return ClassMap(header=header, domain=domain.name, void_id=void_id, classes=classes)


def pinhole_from_camera_info(info: CameraInfo, width: int, height: int) -> Pinhole:
    """The camera of an image that came with this camera_info.

    K and P belong to the full resolution; roi and binning are applied to them, as image_geometry does. A
    camera_info without a size (zero) counts as one of the image's size.

    Args:
        info: A sensor_msgs/CameraInfo.
        width: Width in pixels of the image.
        height: Its height.

    Raises:
        CameraModelError: No intrinsics (all zero, NaN), or they belong to an image of another shape.
    """
    return _fitted(info, info.p, width, height)


def camera_matrices(info: CameraInfo, width: int, height: int) -> tuple[Pinhole, Pinhole]:
    """The cameras of the raw and of the rectified image of that size: those of K, and of P where it is given.

    Raises:
        CameraModelError: As `pinhole_from_camera_info`.
    """
    return _fitted(info, [0.0] * 12, width, height), _fitted(info, info.p, width, height)


def _fitted(info: CameraInfo, p: Sequence[float], width: int, height: int) -> Pinhole:
    full = Pinhole.from_matrices(info.k, p, info.width or width, info.height or height)
    roi, binning = info.roi, (max(1, info.binning_x), max(1, info.binning_y))
    if roi.width == 0 or roi.height == 0:
        if max(binning) > 1:
            full = full.resized(full.width // binning[0], full.height // binning[1])
        return full.fitted(width, height)
    window = full.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    window = window.resized(roi.width // binning[0], roi.height // binning[1])
    if (window.width, window.height) != (width, height):
        raise CameraModelError(
            f"camera_info's roi and binning give {window.width}x{window.height} but the image is {width}x{height}; "
            "publish the camera_info of this image"
        )
    return window


def camera_info_for(info: CameraInfo, camera: Pinhole) -> CameraInfo:
    """The camera_info of our outputs: the input's own where it fits as it is, else one for their size.

    Args:
        info: The input's.
        camera: What `pinhole_from_camera_info` made of it.

    Returns:
        A camera_info whose P is `camera`: consumers of a depth image read P alone, so that it is filled in
        where only K was given. K is that of the same image size, for the distortion model it belongs to.
    """
    as_is = (info.width, info.height) == (camera.width, camera.height) and any(info.p)
    if as_is and max(info.binning_x, info.binning_y) <= 1 and info.roi.width == 0:
        return info
    try:
        raw = _fitted(info, [0.0] * 12, camera.width, camera.height)
    except CameraModelError:  # P alone was given
        raw = camera
    fitted = copy.copy(info)
    fitted.width, fitted.height = camera.width, camera.height
    fitted.binning_x = fitted.binning_y = 0
    fitted.roi = type(info.roi)()
    fitted.k = [raw.fx, 0.0, raw.cx, 0.0, raw.fy, raw.cy, 0.0, 0.0, 1.0]
    fitted.p = [camera.fx, 0.0, camera.cx, 0.0, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return fitted
