# SPDX-License-Identifier: Apache-2.0
"""Output images as image_transport's plugins write them: `compressed` (PNG, JPEG) and `compressedDepth`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_PNG = "/compressed"
_DEPTH = "/compressedDepth"
_SUFFIXES = {
    "label": _PNG,
    "label_color": _PNG,
    "confidence": _PNG,
    "overlay": _PNG,
    "image_rect": _PNG,
    "depth": _DEPTH,
}
_PHOTOS = ("overlay", "image_rect")  # as JPEG; every pixel of the others counts
_JPEG_QUALITY = 90
_PNG_LEVEL = 1  # three times as fast as the default, label images come out as small
# compressed_depth_image_transport: the header before the PNG, of a format (0: inverse depth) and two parameters; its
# depth_max and depth_quantization, from which they come. A step of what is stored is z^2 / 10100: 1 cm at 10 m.
_CONFIG = struct.Struct("<iff")
_DEPTH_MAX = 100.0  # metres; its default is 10, too near for streets
_DEPTH_QUANTIZATION = 100.0


def suffix(output: str) -> str:
    """What is added to the topic of an output; empty where there is no plugin for its pixels."""
    return _SUFFIXES.get(output, "")


def encode(output: str, pixels: npt.NDArray[Any]) -> tuple[str, bytes]:
    """Compress an image.

    Args:
        output: What it shows.
        pixels: (H, W) uint8, uint16 or float32, or (H, W, 3) uint8 RGB.

    Returns:
        The message's format, and its data.
    """
    if output == "depth":
        return _encode_depth(pixels)
    colour = pixels.ndim == 3  # noqa: PLR2004
    encoding = "rgb8" if colour else "mono8"
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if colour else pixels
    target = "bgr8" if colour else ""
    if output in _PHOTOS:
        return f"{encoding}; jpeg compressed {target}", _file(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return f"{encoding}; png compressed {target}", _png(stored)


def _encode_depth(depth: npt.NDArray[Any]) -> tuple[str, bytes]:
    if depth.dtype == np.uint16:
        return "16UC1; compressedDepth png", _CONFIG.pack(0, 0.0, 0.0) + _png(depth)
    a = np.float32(_DEPTH_QUANTIZATION * (_DEPTH_QUANTIZATION + 1))
    b = np.float32(1 - a / _DEPTH_MAX)
    valid = (depth > 0) & (depth <= _DEPTH_MAX)  # False for NaN
    inverse = np.where(valid, np.clip(a / np.where(valid, depth, 1) + b, 1, 65535), 0).astype(np.uint16)
    return "32FC1; compressedDepth png", _CONFIG.pack(0, float(a), float(b)) + _png(inverse)


def decode_depth(data: bytes) -> npt.NDArray[Any]:
    """The depth image of a compressedDepth message's data.

    Returns:
        (H, W): uint16 millimetres where it was made of those, else float32 metres, NaN where there is none.
    """
    _, a, b = _CONFIG.unpack_from(data)
    stored = cv2.imdecode(np.frombuffer(data, np.uint8, offset=_CONFIG.size), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError(f"{len(data)} bytes of compressedDepth hold no PNG")
    if not a:
        return np.asarray(stored)
    valid = stored > 0
    depth: npt.NDArray[np.float32] = np.full(stored.shape, np.nan, np.float32)
    depth[valid] = np.float32(a) / (stored[valid].astype(np.float32) - np.float32(b))
    return depth


def _png(pixels: npt.NDArray[Any]) -> bytes:
    return _file(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])


def _file(kind: str, pixels: npt.NDArray[Any], parameters: list[int]) -> bytes:
    written, data = cv2.imencode(kind, np.ascontiguousarray(pixels), parameters)
    if not written:
        raise ValueError(f"OpenCV cannot write {pixels.shape} {pixels.dtype} as {kind}")
    return bytes(data.data)
