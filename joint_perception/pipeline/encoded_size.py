# SPDX-License-Identifier: Apache-2.0
"""What a JPEG or PNG says of its own size, and whether its bytes can bear it out, before anything is decoded.

A few bytes can claim an image of gigabytes (a decompression bomb): decoders believe them and allocate.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

# 8192 pixels is as wide as the network takes; more of them are no camera image but an attack, or an accident.
MAX_PIXELS = 8192 * 8192
# A progressive JPEG has about ten scans; each costs the decoder a pass over the whole image, whatever its bytes.
MAX_SCANS = 100
_MAX_DEFLATE = 1032  # zlib's greatest ratio: a match of 258 bytes in two bits (zlib, "Technical Details")
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type, PNG specification 11.2.2
_JPEG_BLOCK = 8  # pixels
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG, ITU-T T.81 table B.1: start of frame
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_SOS, _EOI = 0xDA, 0xD9
_SCAN = b"\xff\xda"


class EncodedSize(NamedTuple):
    """What a file says of itself: width and height in pixels, and the least bytes such a file has."""

    width: int
    height: int
    least_bytes: int


class EncodedImageError(ValueError):
    """A file that is neither JPEG nor PNG, or whose header cannot be."""


def encoded_size(data: bytes | memoryview) -> EncodedSize:
    """Read the header of a JPEG or PNG; nothing is decoded or allocated.

    Args:
        data: The whole file.

    Raises:
        EncodedImageError: Neither of the two, a header that is cut or impossible, or a JPEG of more than 100 scans.
    """
    head = bytes(data[:8])
    if head == _PNG:
        return _png(data)
    if head[:3] == _JPEG:
        return _jpeg(bytes(data))
    raise EncodedImageError(f"it begins with {head[:4]!r}, neither a JPEG nor a PNG")


def _png(data: bytes | memoryview) -> EncodedSize:
    header = bytes(data[8:29])
    if len(header) < 21 or header[4:8] != b"IHDR":  # noqa: PLR2004 (length, IHDR, 13 bytes)
        raise EncodedImageError("the PNG has no header")
    width, height, bits, color = struct.unpack(">IIBB", header[8:18])
    channels = _PNG_CHANNELS.get(color)
    if not width or not height or channels is None or bits not in (1, 2, 4, 8, 16):
        raise EncodedImageError(f"the PNG's header is {width}x{height}, {bits} bits, colour type {color}")
    _check_chunks(bytes(data))
    row = 1 + (width * channels * bits + 7) // 8
    return EncodedSize(width, height, height * row // _MAX_DEFLATE)


def _check_chunks(data: bytes) -> None:
    # The decoder makes room for a chunk before it reads it: four bytes could ask for four gigabytes.
    at, name = len(_PNG), b""
    while name != b"IEND" and at + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        at += 12 + length  # length, name, checksum
        if at > len(data):
            raise EncodedImageError(f"the PNG's chunk {name!r} claims {length} bytes, {at - len(data)} too many")


def _jpeg(data: bytes) -> EncodedSize:
    if (scans := data.count(_SCAN)) > MAX_SCANS:
        raise EncodedImageError(f"the JPEG has {scans} scans; {MAX_SCANS} are more than any camera makes")
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:  # noqa: PLR2004
            break
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 (a fill byte)
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if marker in (_SOS, _EOI):
            break
        if marker in _SOF:
            if at + 9 > len(data):
                break
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            if not width or not height:
                raise EncodedImageError(f"the JPEG's header is {width}x{height}")
            # Each block of the component with the most pixels takes a bit at least, its DC coefficient's.
            blocks = -(-width // _JPEG_BLOCK) * -(-height // _JPEG_BLOCK)
            return EncodedSize(width, height, blocks // 8)
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise EncodedImageError("the JPEG has no frame header")
