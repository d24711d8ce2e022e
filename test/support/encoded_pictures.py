# SPDX-License-Identifier: Apache-2.0
"""Pictures in every encoding of sensor_msgs/Image, by formulas and without OpenCV."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import Image

# Colour of the pixels (0, 0), (0, 1), (1, 0), (1, 1), as sensor_msgs/image_encodings.hpp names the patterns.
PATTERNS = {
    "bayer_rggb8": ("r", "g", "g", "b"),
    "bayer_bggr8": ("b", "g", "g", "r"),
    "bayer_gbrg8": ("g", "b", "r", "g"),
    "bayer_grbg8": ("g", "r", "b", "g"),
}
BAYER = sorted(PATTERNS)

# ITU-R BT.601 in studio range, for R, G, B in 0..1.
_BT601 = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
_BT601_OFFSET = np.array([16.0, 128.0, 128.0])


def paired(picture: np.ndarray) -> np.ndarray:
    """The picture with every two pixels of a row alike: then sharing their colour loses nothing."""
    return np.repeat(picture[:, ::2], 2, axis=1)


def ramp(height: int, width: int) -> np.ndarray:
    """Slopes of their own in each channel, (height, width, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    return np.stack([10 + 9 * x + 2 * y, 200 - 3 * x - 7 * y, 20 + 5 * x + 10 * y], axis=2).astype(np.uint8)


def encode(picture: np.ndarray, encoding: str) -> np.ndarray:
    """An RGB picture, (H, W, 3) uint8, as the pixels of an encoding; luma is the green channel."""
    bgr, luma = picture[..., ::-1], picture[..., 1]
    alpha = np.full((*luma.shape, 1), 77, np.uint8)
    plain = {
        "rgb8": picture,
        "bgr8": bgr,
        "8UC3": bgr,
        "rgba8": np.concatenate([picture, alpha], axis=2),
        "bgra8": np.concatenate([bgr, alpha], axis=2),
        "mono8": luma,
        "8UC1": luma,
        "mono16": luma.astype(np.uint16) * 257,
    }
    if encoding in plain:
        return plain[encoding]
    return _mosaic(picture, PATTERNS[encoding]) if encoding in PATTERNS else _yuv(picture, encoding)


def _mosaic(picture: np.ndarray, pattern: tuple[str, ...]) -> np.ndarray:
    mosaic = np.empty(picture.shape[:2], np.uint8)
    for place, color in enumerate(pattern):
        rows, columns = slice(place // 2, None, 2), slice(place % 2, None, 2)
        mosaic[rows, columns] = picture[rows, columns, "rgb".index(color)]
    return mosaic


def _yuv(picture: np.ndarray, encoding: str) -> np.ndarray:
    yuv = np.rint(picture / 255.0 @ _BT601.T + _BT601_OFFSET).astype(np.uint8)
    shared = yuv[..., 1].copy()  # U at even, V at odd pixels
    shared[:, 1::2] = yuv[:, 1::2, 2]
    luma_first = encoding in ("yuv422_yuy2", "yuyv")
    return np.stack((yuv[..., 0], shared) if luma_first else (shared, yuv[..., 0]), axis=2)


def message_of(pixels: np.ndarray, encoding: str, padding: int = 0, *, is_bigendian: bool = False) -> Image:
    """An image message of these pixels; the padding bytes of each row hold noise."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    noise = np.random.default_rng(9).integers(0, 256, (height, padding), dtype=np.uint8)
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=rows.shape[1] + padding,
        data=array.array("B", np.hstack([rows, noise]).tobytes()),
    )
