# SPDX-License-Identifier: Apache-2.0
"""MCAP files without an index, cut off or damaged in places: read record by record, around the damage."""

from __future__ import annotations

import heapq
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from lz4 import frame as lz4
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat
from rosbags.rosbag2.metadata import parse_qos

from joint_perception.offline.bags.errors import BagError
from joint_perception.offline.bags.records import (
    CHANNEL,
    CHUNK,
    FOOTER,
    MAGIC,
    MESSAGE,
    PREFIX,
    SCHEMA,
    Fields,
    RecordError,
    records,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

_FORMATS = {"ros2msg": MessageDefinitionFormat.MSG, "ros2idl": MessageDefinitionFormat.IDL}
_MESSAGE = struct.Struct("<H4xQ8x")  # channel, when it was recorded
_STEP = 1 << 16  # bytes handed to a decompressor at a time, so that it stops no earlier than the damage
_LONGEST = 1 << 33  # bytes; a longer record is taken for damage


class _Piece(NamedTuple):
    """A stretch of the file that holds messages."""

    start: int
    offset: int
    length: int
    is_chunk: bool


class SalvagedMcap:
    """Reads as rosbags' readers do, whatever is left to read.

    Args:
        path: The file.
        problems: What is known of its damage.

    Attributes:
        connections: Of all channels found.
        problems: What could not be read, and where.

    Raises:
        BagError: It is no MCAP file at all.
    """

    def __init__(self, path: Path, problems: Sequence[str] = ()) -> None:
        self.problems = list(problems)
        self._path = path
        self._file: BinaryIO = path.open("rb")
        self._schemas: dict[int, tuple[str, MessageDefinition]] = {}
        self._channels: dict[int, Connection] = {}
        self._pieces: list[_Piece] = []
        try:
            self._scan()
        except BaseException:
            self._file.close()
            raise

    @property
    def connections(self) -> list[Connection]:
        """Those of all channels."""
        return list(self._channels.values())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Messages in order of time, as rosbags' readers give them."""
        wanted = {connection.id for connection in connections}
        streams = [self._timed(piece, wanted, start or 0, 1 << 63 if stop is None else stop) for piece in self._pieces]
        for time, _, _, connection, data in heapq.merge(*streams, key=lambda entry: entry[:3]):
            if connection is not None:
                yield connection, time, data

    def _timed(
        self, piece: _Piece, wanted: set[int], start: int, stop: int
    ) -> Iterator[tuple[int, int, int, Connection | None, bytes]]:
        # The first entry tells the merge when the piece begins, without reading it.
        yield piece.start, piece.offset, -1, None, b""
        if piece.start >= stop:
            return
        found = []
        for content in self._messages_of(piece):
            channel, time = _MESSAGE.unpack_from(content)
            if channel in wanted and start <= time < stop:
                found.append((time, channel, content[_MESSAGE.size :]))
        for i in sorted(range(len(found)), key=lambda i: found[i][0]):
            time, channel, data = found[i]
            yield time, piece.offset, i, self._channels[channel], bytes(data)

    def _scan(self) -> None:
        file = self._file
        size = self._path.stat().st_size
        if file.read(len(MAGIC)) != MAGIC:
            raise BagError(f"{str(self._path)!r} is no MCAP file; give a rosbag2 folder, an .mcap, .db3 or .bag file")
        at = file.tell()
        while at + PREFIX.size <= size:
            file.seek(at)
            opcode, length = PREFIX.unpack(file.read(PREFIX.size))
            content = at + PREFIX.size
            if opcode == FOOTER:
                return
            if not 0 < opcode <= 0x7F or length > _LONGEST:  # noqa: PLR2004 (what the format keeps for itself)
                self._problem(at, f"no record begins here, {size - at} bytes are lost")
                return
            cut = content + length > size
            length = min(length, size - content)
            if opcode == CHUNK:
                self._add_chunk(at, length)
            elif opcode in (SCHEMA, CHANNEL, MESSAGE) and not cut:
                self._add_record(opcode, at, file.read(length))
            at = content + length
        self._problem(size, "the file ends here, without a footer: it was cut off")

    def _add_record(self, opcode: int, at: int, content: bytes) -> None:
        fields = Fields(content)
        try:
            if opcode == SCHEMA:
                self._add_schema(fields)
            elif opcode == CHANNEL:
                self._add_channel(fields)
            else:
                fields.take(6)
                time = fields.number("Q")
                fields.take(8)
                self._pieces.append(_Piece(time, at + PREFIX.size, len(content), is_chunk=False))
        except RecordError as error:
            self._problem(at, str(error))

    def _add_schema(self, fields: Fields) -> None:
        number, name, form = fields.number("H"), fields.text(), fields.text()
        definition = MessageDefinition(_FORMATS.get(form, MessageDefinitionFormat.NONE), fields.text())
        self._schemas[number] = (name, definition)

    def _add_channel(self, fields: Fields) -> None:
        number, schema, topic, encoding = fields.number("H"), fields.number("H"), fields.text(), fields.text()
        if number in self._channels or encoding != "cdr" or schema not in self._schemas:
            return
        qualities = []
        with suppress(Exception):  # they are a hint to players, and rosbags refuses some it does not know
            qualities = parse_qos(fields.texts()["offered_qos_profiles"])
        kind, definition = self._schemas[schema]
        self._channels[number] = Connection(
            number, topic, kind, definition, "", 0, ConnectionExtRosbag2("cdr", qualities), self
        )

    def _add_chunk(self, at: int, length: int) -> None:
        piece = _Piece(0, at + PREFIX.size, length, is_chunk=True)
        first = None
        for opcode, content in records(memoryview(self._content(piece, report=True))):
            if opcode in (SCHEMA, CHANNEL):
                self._add_record(opcode, at, bytes(content))
            elif opcode == MESSAGE:
                time = int.from_bytes(content[6:14], "little")
                first = time if first is None else min(first, time)
        if first is not None:
            self._pieces.append(piece._replace(start=first))

    def _messages_of(self, piece: _Piece) -> Iterator[memoryview]:
        if piece.is_chunk:
            for opcode, content in records(memoryview(self._content(piece))):
                if opcode == MESSAGE and len(content) >= _MESSAGE.size:
                    yield content
            return
        self._file.seek(piece.offset)
        yield memoryview(self._file.read(piece.length))

    def _content(self, piece: _Piece, *, report: bool = False) -> bytes:
        self._file.seek(piece.offset)
        fields = Fields(self._file.read(piece.length))
        try:
            fields.take(16)
            size, crc, compression = fields.number("Q"), fields.number("I"), fields.text()
            stored = fields.number("Q")
            packed = fields.rest()
        except RecordError as error:
            self._problem(piece.offset, str(error), report=report)
            return b""
        data = _unpack(bytes(packed[:stored]), compression)
        if len(data) < size:
            self._problem(piece.offset, f"a chunk gave {len(data)} of its {size} bytes", report=report)
        elif crc and crc32(data) != crc:
            self._problem(piece.offset, "a chunk has another checksum than it says, it is left out", report=report)
            return b""
        return data

    def _problem(self, offset: int, reason: str, *, report: bool = True) -> None:
        if report:
            self.problems.append(f"{self._path}, byte {offset}: {reason}")


def _unpack(data: bytes, compression: str) -> bytes:
    """As much as can be decompressed."""
    if not compression:
        return data
    if compression not in ("zstd", "lz4"):
        return b""
    decompressor = zstd.ZstdDecompressor() if compression == "zstd" else lz4.LZ4FrameDecompressor()
    parts: list[bytes] = []
    with suppress(zstd.ZstdError, RuntimeError, EOFError):
        parts.extend(decompressor.decompress(data[at : at + _STEP]) for at in range(0, len(data), _STEP))
    return b"".join(parts)
