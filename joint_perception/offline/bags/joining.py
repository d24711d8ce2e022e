# SPDX-License-Identifier: Apache-2.0
"""Parts joined to one MCAP bag: their chunks are copied as they are, only the index is written anew."""

from __future__ import annotations

import copy
import io
import shutil
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from joint_perception.offline.bags.errors import BagError
from joint_perception.offline.bags.records import (
    CHANNEL,
    CHUNK_INDEX,
    DATA_END,
    FOOTER,
    FOOTER_LENGTH,
    HEADER,
    MAGIC,
    METADATA,
    METADATA_INDEX,
    SCHEMA,
    STATISTICS,
    SUMMARY_OFFSET,
    Fields,
    record,
    records,
    text,
)
from joint_perception.plain_yaml import load_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import BinaryIO

_INFORMATION = "rosbag2_bagfile_information"
_STATISTICS = struct.Struct("<QHIIIIQQ")
_COPIED = 1 << 22  # bytes at a time


@dataclass
class _Summary:
    """What the index of an MCAP file says."""

    schemas: list[bytes] = field(default_factory=list)
    channels: list[bytes] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    start: int = 1 << 63
    end: int = 0


def join(parts: Sequence[Path], folder: Path, progress: Callable[[int], object] | None = None) -> None:
    """Make one bag of several.

    Args:
        parts: Bags with one MCAP file each, of the same topics in the same order, in order of time.
        folder: The new bag; must not exist.
        progress: Gets the bytes copied since it was last called.

    Raises:
        BagError: They do not fit together.
    """
    folder.mkdir(parents=True)
    target = folder / f"{folder.name.removesuffix('.tmp')}.mcap"
    whole = _Summary()
    metadata = [_metadata(part) for part in parts]
    with target.open("xb") as out:
        out.write(MAGIC + record(HEADER, text("ros2"), text("joint_perception")))
        for part in parts:
            with _file_of(part).open("rb") as file:
                _copy(file, out, whole, progress or (lambda _: None))
        information = _joined(metadata, target.name)
        _finish(out, whole, yaml.safe_dump(information))
    (folder / "metadata.yaml").write_text(yaml.safe_dump({_INFORMATION: information}), encoding="utf-8")


def _file_of(part: Path) -> Path:
    (file,) = part.glob("*.mcap")
    return file


def _metadata(part: Path) -> dict[str, Any]:
    found: dict[str, Any] = load_yaml(part / "metadata.yaml")[_INFORMATION]
    return found


def _copy(file: BinaryIO, out: BinaryIO, whole: _Summary, progress: Callable[[int], object]) -> None:
    summary = _summary(file)
    if not whole.channels:
        whole.schemas, whole.channels = summary.schemas, summary.channels
    if (summary.schemas, summary.channels) != (whole.schemas, whole.channels):
        raise BagError(f"part {file.name} has other topics than the first; delete the unfinished run and start anew")
    for content in summary.chunks:
        start, end, offset, length = struct.unpack_from("<QQQQ", content)
        fields = Fields(content)
        fields.take(32)
        indices = fields.take(fields.number("I"))
        index_length, rest = fields.number("Q"), fields.rest()
        shift = out.tell() - offset
        file.seek(offset)
        _transfer(file, out, length + index_length, progress)
        moved = b"".join(
            struct.pack("<HQ", channel, place + shift) for channel, place in struct.iter_unpack("<HQ", bytes(indices))
        )
        head = struct.pack("<QQQQI", start, end, offset + shift, length, len(moved))
        whole.chunks.append(head + moved + struct.pack("<Q", index_length) + bytes(rest))
    for channel, count in summary.counts.items():
        whole.counts[channel] = whole.counts.get(channel, 0) + count
    if sum(summary.counts.values()):
        whole.start, whole.end = min(whole.start, summary.start), max(whole.end, summary.end)


def _transfer(file: BinaryIO, out: BinaryIO, size: int, progress: Callable[[int], object]) -> None:
    while size:
        data = file.read(min(size, _COPIED))
        if not data:
            raise BagError(f"part {file.name} is shorter than its index says; delete it and run again")
        out.write(data)
        progress(len(data))
        size -= len(data)


def _summary(file: BinaryIO) -> _Summary:
    file.seek(-(FOOTER_LENGTH + len(MAGIC)), io.SEEK_END)
    end = file.tell()
    footer = file.read()
    if not footer.endswith(MAGIC) or footer[0] != FOOTER:
        raise BagError(f"part {file.name} has no MCAP footer; delete it and run again")
    (start,) = struct.unpack_from("<Q", footer, 9)
    file.seek(start)
    found = _Summary()
    for opcode, content in records(memoryview(file.read(end - start))):
        data = bytes(content)
        if opcode == SCHEMA:
            found.schemas.append(data)
        elif opcode == CHANNEL:
            found.channels.append(data)
        elif opcode == CHUNK_INDEX:
            found.chunks.append(data)
        elif opcode == STATISTICS:
            *_, found.start, found.end = _STATISTICS.unpack_from(data)
            found.counts = dict(struct.iter_unpack("<HQ", data[_STATISTICS.size + 4 :]))
    return found


def _finish(out: BinaryIO, whole: _Summary, information: str) -> None:
    """Write what follows the chunks: the bag's metadata, the summary, where its groups are, and the footer."""
    place = out.tell()
    pairs = text("serialized_metadata") + text(information)
    metadata = record(METADATA, text("rosbag2"), struct.pack("<I", len(pairs)), pairs)
    out.write(metadata + record(DATA_END, bytes(4)))
    total = sum(whole.counts.values())
    counts = b"".join(struct.pack("<HQ", channel, count) for channel, count in sorted(whole.counts.items()))
    statistics = _STATISTICS.pack(
        total, len(whole.schemas), len(whole.channels), 0, 1, len(whole.chunks), whole.start if total else 0, whole.end
    )
    index = struct.pack("<QQ", place, len(metadata)) + text("rosbag2")
    groups = {
        SCHEMA: whole.schemas,
        CHANNEL: whole.channels,
        CHUNK_INDEX: whole.chunks,
        METADATA_INDEX: [index],
        STATISTICS: [statistics + struct.pack("<I", len(counts)) + counts],
    }
    start, offsets = out.tell(), []
    for opcode, contents in groups.items():
        begin = out.tell()
        out.writelines(record(opcode, content) for content in contents)
        if contents:
            offsets.append(struct.pack("<BQQ", opcode, begin, out.tell() - begin))
    offset_start = out.tell()
    out.writelines(record(SUMMARY_OFFSET, offset) for offset in offsets)
    out.write(record(FOOTER, struct.pack("<QQI", start, offset_start, 0)) + MAGIC)


def _joined(metadata: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    full = [one for one in metadata if one["message_count"]]
    starts = [one["starting_time"]["nanoseconds_since_epoch"] for one in full]
    ends = [start + one["duration"]["nanoseconds"] for start, one in zip(starts, full, strict=True)]
    span = {
        "starting_time": {"nanoseconds_since_epoch": min(starts, default=0)},
        "duration": {"nanoseconds": max(ends, default=0) - min(starts, default=0)},
        "message_count": sum(one["message_count"] for one in metadata),
    }
    topics = [
        {**topic, "message_count": sum(one["topics_with_message_count"][i]["message_count"] for one in metadata)}
        for i, topic in enumerate(metadata[0]["topics_with_message_count"])
    ]
    # Copies: YAML would write the second of equal objects as a reference to the first.
    file = {"path": name, **copy.deepcopy(span)}
    return (
        metadata[0]
        | span
        | {
            "relative_file_paths": [name],
            "files": [file],
            "topics_with_message_count": topics,
            "ros_distro": "joint_perception",
        }
    )


def convert(bag: Path, folder: Path) -> None:
    """Write a joined bag as sqlite3, message by message."""
    from rosbags.rosbag2 import Reader, StoragePlugin, Writer  # noqa: PLC0415

    with Reader(bag) as reader, Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connections = {
            connection.id: writer.add_connection(
                connection.topic,
                connection.msgtype,
                msgdef=connection.msgdef.data,
                rihs01=connection.digest,
                offered_qos_profiles=connection.ext.offered_qos_profiles,  # type: ignore[union-attr]
            )
            for connection in reader.connections
        }
        for connection, time, data in reader.messages():
            writer.write(connections[connection.id], time, data)
    shutil.rmtree(bag)
