# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/Image to RGB, with every claim of the message checked before its bytes are touched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from joint_perception.pipeline.errors import FrameError

if TYPE_CHECKING:
    from sensor_msgs.msg import Image


class Encoding(NamedTuple):
    """How an image encoding lies in memory and what becomes of it.

    Attributes:
        dtype: NumPy type of a channel.
        channels: Channels of a pixel; the two of yuv422 are luma and, in turn, U and V.
        conversion: The cv2 code that makes it RGB; None where it is RGB.
        name: What cv_bridge calls the same thing.
    """

    dtype: str
    channels: int
    conversion: int | None
    name: str


_UYVY = Encoding("u1", 2, cv2.COLOR_YUV2RGB_UYVY, "yuv422")
_YUYV = Encoding("u1", 2, cv2.COLOR_YUV2RGB_YUY2, "yuv422_yuy2")
_YUV422 = ("yuv422", "yuv422_yuy2")
_BAYER_MIN_SIZE = 3  # smaller ones OpenCV turns black

# The names of sensor_msgs/image_encodings.hpp. OpenCV names a Bayer pattern by its second row, ROS by its
# first: hence rggb <-> BG, and so on. 8UC3 is what cv_bridge calls an OpenCV image nobody named: BGR.
ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding("u1", 3, None, "rgb8"),
    "bgr8": Encoding("u1", 3, cv2.COLOR_BGR2RGB, "bgr8"),
    "rgba8": Encoding("u1", 4, cv2.COLOR_RGBA2RGB, "rgba8"),
    "bgra8": Encoding("u1", 4, cv2.COLOR_BGRA2RGB, "bgra8"),
    "mono8": Encoding("u1", 1, cv2.COLOR_GRAY2RGB, "mono8"),
    "mono16": Encoding("u2", 1, cv2.COLOR_GRAY2RGB, "mono16"),
    "8UC1": Encoding("u1", 1, cv2.COLOR_GRAY2RGB, "mono8"),
    "8UC3": Encoding("u1", 3, cv2.COLOR_BGR2RGB, "bgr8"),
    "bayer_rggb8": Encoding("u1", 1, cv2.COLOR_BayerBG2RGB, "bayer_rggb8"),
    "bayer_bggr8": Encoding("u1", 1, cv2.COLOR_BayerRG2RGB, "bayer_bggr8"),
    "bayer_gbrg8": Encoding("u1", 1, cv2.COLOR_BayerGR2RGB, "bayer_gbrg8"),
    "bayer_grbg8": Encoding("u1", 1, cv2.COLOR_BayerGB2RGB, "bayer_grbg8"),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
}


def pixels(message: Image) -> npt.NDArray[Any]:
    """The pixels of an image message as they are, without the rows' padding, in this machine's byte order.

    Args:
        message: A sensor_msgs/Image; nothing it says of itself is believed unchecked.

    Returns:
        (H, W, C) of the encoding's type; a view of the message's bytes where nothing had to be moved.

    Raises:
        FrameError: Unknown encoding, no pixels, rows shorter than their pixels, or too few or too many bytes.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise FrameError(
            "unknown_encoding",
            f"image encoding {message.encoding[:40]!r} is not supported; publish one of {', '.join(ENCODINGS)}",
        )
    height, width, step = int(message.height), int(message.width), int(message.step)
    if height == 0 or width == 0:
        raise FrameError("zero_size", f"image is {width}x{height}, without pixels; check the camera driver")
    dtype = np.dtype(encoding.dtype)
    row = width * encoding.channels * dtype.itemsize
    if step < row:
        raise FrameError(
            "wrong_step",
            f"image step is {step} bytes but a row of {width} {message.encoding} pixels has {row}; the driver must "
            "set step to the bytes of a row, padding included",
        )
    data = np.frombuffer(message.data, np.uint8)
    if data.size < step * height:
        raise FrameError(
            "truncated_data",
            f"image has {data.size} bytes but {height} rows of step {step} are {step * height}; the message was cut",
        )
    if data.size > step * height:
        raise FrameError(
            "wrong_step",
            f"image has {data.size} bytes but {height} rows of step {step} are only {step * height}; step or height "
            "is wrong",
        )
    if encoding.name in _YUV422 and width % 2:
        raise FrameError(
            "odd_width",
            f"{message.encoding} image is {width} wide; two pixels share their colour, so width is even",
        )
    if encoding.name.startswith("bayer") and min(height, width) < _BAYER_MIN_SIZE:
        raise FrameError(
            "zero_size",
            f"{message.encoding} image is {width}x{height}; to interpolate its colours takes "
            f"{_BAYER_MIN_SIZE}x{_BAYER_MIN_SIZE} pixels",
        )
    rows = data.reshape(height, step)[:, :row]
    if dtype.itemsize > 1:
        swapped = bool(message.is_bigendian) == (sys.byteorder == "little")
        typed = np.ascontiguousarray(rows).view(dtype)
        rows = typed.byteswap() if swapped else typed
    return rows.reshape(height, width, encoding.channels)


def to_rgb(message: Image) -> npt.NDArray[np.uint8]:
    """Decode an image message with OpenCV alone; the same values as cv_bridge's conversion to `rgb8`.

    Args:
        message: See `pixels`.

    Returns:
        (H, W, 3) uint8 RGB. 16-bit luma is scaled by 255 / 65535 and rounded; alpha is ignored; Bayer
        patterns are interpolated bilinearly; yuv422 is BT.601, studio range.

    Raises:
        FrameError: See `pixels`.
    """
    image = pixels(message)
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)  # round(x * 255 / 65535)
    conversion = ENCODINGS[message.encoding].conversion
    if conversion is None:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), conversion), dtype=np.uint8)
