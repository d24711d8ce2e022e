# SPDX-License-Identifier: Apache-2.0
"""Compressed images: right colours, and a cause for each that cannot be decoded."""

from __future__ import annotations

import struct

import bombs
import cv2
import numpy as np
import pytest
from ros_graph import picture
from sensor_msgs.msg import CompressedImage

from joint_perception.pipeline.compressed import to_rgb
from joint_perception.pipeline.errors import FrameError


def message(data: bytes, form: str = "rgb8; jpeg compressed bgr8") -> CompressedImage:
    return CompressedImage(format=form, data=data)


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def test_png_is_exact():
    pixels = picture(37, 53)
    np.testing.assert_array_equal(to_rgb(message(encoded(pixels, ".png"), "rgb8; png compressed bgr8")), pixels)


def test_jpeg_is_close_and_red_stays_red():
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[..., 0], pixels[:16, :, 2] = 200, 90
    got = to_rgb(message(encoded(pixels, ".jpg")))
    assert np.abs(got.astype(int) - pixels)[2:-2].max() < 40
    assert np.median(np.abs(got.astype(int) - pixels)) <= 3


def test_grey_becomes_rgb():
    grey = picture(20, 30)[..., 0]
    got = to_rgb(message(cv2.imencode(".png", grey)[1].tobytes(), "mono8; png compressed "))
    np.testing.assert_array_equal(got, np.repeat(grey[..., None], 3, axis=2))


def test_the_files_orientation_is_not_applied():
    jpeg = encoded(picture(16, 32), ".jpg")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6: turned
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (32, 16), "no such file"
    assert to_rgb(message(turned)).shape == (16, 32, 3)


@pytest.mark.parametrize(
    ("data", "form", "cause"),
    [
        (b"", "jpeg", "truncated_data"),
        (b"not an image at all", "jpeg", "undecodable"),
        (encoded(picture(40, 40), ".png")[:60], "png", "undecodable"),
        (bombs.png(2**31 - 1, 2**31 - 1), "png", "too_large"),
        (bombs.png(8000, 8000), "png", "truncated_data"),
        (bombs.png_with_chunk_of(2**32 - 1), "png", "undecodable"),
        (bombs.jpeg(65500, 65500), "jpeg", "too_large"),
        (bombs.jpeg(8000, 8000), "jpeg", "truncated_data"),
        (bombs.jpeg_of_scans(5000), "jpeg", "undecodable"),
        (bombs.JPEG[:4], "jpeg", "undecodable"),
        (encoded(picture(8, 8), ".bmp"), "bmp", "undecodable"),
        (encoded(picture(8, 8), ".png"), "32FC1; compressedDepth png", "unknown_encoding"),
    ],
    ids=[
        "empty",
        "text",
        "cut",
        "PNG 2^62",
        "PNG 64 M",
        "PNG chunk",
        "JPEG 4 G",
        "JPEG 64 M",
        "scans",
        "4 bytes",
        "bmp",
        "depth",
    ],
)
def test_what_cannot_be_decoded_has_a_cause(data, form, cause):
    with pytest.raises(FrameError) as caught:
        to_rgb(message(data, form))
    assert caught.value.cause == cause
