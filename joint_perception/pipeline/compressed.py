# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CompressedImage to RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from joint_perception.pipeline.encoded_size import MAX_PIXELS, EncodedImageError, encoded_size
from joint_perception.pipeline.errors import FrameError

if TYPE_CHECKING:
    import numpy.typing as npt
    from sensor_msgs.msg import CompressedImage

SUFFIX = "/compressed"  # image_transport's
# The orientation that a camera wrote into the file is not applied: camera_info belongs to the pixels as they are.
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def to_rgb(message: CompressedImage) -> npt.NDArray[np.uint8]:
    """Decode a JPEG or PNG; grey becomes RGB, 16 bits become 8.

    What the file claims is checked before it is decoded: neither a header that promises gigabytes nor a format that
    OpenCV reads besides gets any further.

    Args:
        message: A sensor_msgs/CompressedImage of colours; what `format` says is not needed.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        FrameError: No data, too many pixels, fewer bytes than such an image has, or what cannot be decoded.
    """
    data = np.frombuffer(message.data, np.uint8)
    if "compressedDepth" in message.format:
        raise FrameError(
            "unknown_encoding", f"format is {message.format!r}, a depth image; subscribe to a colour image"
        )
    if data.size == 0:
        raise FrameError("truncated_data", "compressed image is empty; check the camera driver")
    try:
        size = encoded_size(data.data)
    except EncodedImageError as error:
        raise FrameError(
            "undecodable",
            f"compressed image of {data.size} bytes, format {message.format[:40]!r}: {error}; publish JPEG or PNG",
        ) from error
    if size.width * size.height > MAX_PIXELS:
        raise FrameError(
            "too_large",
            f"compressed image of {data.size} bytes claims {size.width}x{size.height} pixels, of at most {MAX_PIXELS}",
        )
    if data.size < size.least_bytes:
        raise FrameError(
            "truncated_data",
            f"compressed image claims {size.width}x{size.height} pixels, which take {size.least_bytes} bytes at least, "
            f"but has {data.size}; the message was cut, or is an attack",
        )
    try:
        pixels = cv2.imdecode(data, _FLAGS)
    except cv2.error as error:  # more pixels than OpenCV allows, and the like
        raise FrameError("undecodable", f"compressed image of {data.size} bytes: {error}") from error
    if pixels is None or pixels.shape[:2] != (size.height, size.width):
        raise FrameError(
            "undecodable",
            f"compressed image of {data.size} bytes, format {message.format[:40]!r}, cannot be decoded; publish JPEG "
            "or PNG",
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
