# SPDX-License-Identifier: Apache-2.0
"""The camera that a sensor_msgs/CameraInfo tells of, and the camera_info of the outputs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from joint_perception.geometry import CameraModelError, Pinhole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor_msgs.msg import CameraInfo, RegionOfInterest


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


def no_roi(roi: RegionOfInterest) -> RegionOfInterest:
    """A region of interest that is the whole image, of the type of the given one."""
    whole = copy.copy(roi)
    whole.x_offset = whole.y_offset = whole.width = whole.height = 0
    whole.do_rectify = False
    return whole


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
    fitted.roi = no_roi(info.roi)
    fitted.k = [raw.fx, 0.0, raw.cx, 0.0, raw.fy, raw.cy, 0.0, 0.0, 1.0]
    fitted.p = [camera.fx, 0.0, camera.cx, 0.0, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return fitted
