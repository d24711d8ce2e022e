# SPDX-License-Identifier: Apache-2.0
"""The records of an MCAP file, by its specification (mcap.dev/spec)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(0x01, 0x09)
STATISTICS, METADATA, METADATA_INDEX, SUMMARY_OFFSET, DATA_END = 0x0B, 0x0C, 0x0D, 0x0E, 0x0F
PREFIX = struct.Struct("<BQ")  # opcode and length of each record
FOOTER_LENGTH = PREFIX.size + 20


class RecordError(ValueError):
    """Bytes that are no record."""


class Fields:
    """Reads the fields of a record one after the other.

    Args:
        data: The record's content.

    Raises:
        RecordError: From each method, where the content ends too early.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self._at = memoryview(data), 0

    def number(self, form: str) -> int:
        """A little-endian integer; `form` as struct names it."""
        value: int = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]
        return value

    def text(self) -> str:
        """A string."""
        return bytes(self.take(self.number("I"))).decode(errors="replace")

    def texts(self) -> dict[str, str]:
        """A map of strings."""
        inner = Fields(self.take(self.number("I")))
        found = {}
        while not inner.at_end:
            name = inner.text()
            found[name] = inner.text()
        return found

    def take(self, size: int) -> memoryview:
        """So many bytes."""
        if self._at + size > len(self._data):
            raise RecordError(f"record ends after {len(self._data)} bytes, {size} more were expected")
        self._at += size
        return self._data[self._at - size : self._at]

    def rest(self) -> memoryview:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._data)


def records(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Opcode and content of each record, up to the first that is cut off."""
    at = 0
    while at + PREFIX.size <= len(data):
        opcode, length = PREFIX.unpack_from(data, at)
        at += PREFIX.size
        if at + length > len(data):
            return
        yield opcode, data[at : at + length]
        at += length


def record(opcode: int, *parts: bytes) -> bytes:
    """The bytes of a record."""
    return PREFIX.pack(opcode, sum(map(len, parts))) + b"".join(parts)


def text(value: str) -> bytes:
    """The bytes of a string."""
    encoded = value.encode()
    return struct.pack("<I", len(encoded)) + encoded
