# SPDX-License-Identifier: Apache-2.0
"""Small files that claim to be huge pictures, with checksums that are right."""

from __future__ import annotations

import struct
import zlib

import cv2
from ros_graph import picture

JPEG = cv2.imencode(".jpg", picture(40, 56))[1].tobytes()
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, bits: int = 8, color: int = 2, interlace: int = 0, body: bytes = b"") -> bytes:
    """A PNG of that header and of that content."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(body, 9)) + _chunk(b"IEND", b"")
    )


def png_with_chunk_of(length: int) -> bytes:
    """A good PNG, but for the length that its pixels' chunk claims."""
    whole = png(4, 4, body=bytes(4 * 13))
    at = whole.index(b"IDAT") - 4
    return whole[:at] + struct.pack(">I", length) + whole[at + 4 :]


def jpeg(width: int, height: int) -> bytes:
    """A JPEG of 56x40 pixels whose header claims another size."""
    at = JPEG.index(b"\xff\xc0")
    return JPEG[: at + 5] + struct.pack(">HH", height, width) + JPEG[at + 9 :]


def jpeg_of_scans(scans: int) -> bytes:
    """A JPEG with so many scans behind the first."""
    return JPEG[:-2] + SCAN * scans
