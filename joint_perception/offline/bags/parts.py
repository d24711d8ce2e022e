# SPDX-License-Identifier: Apache-2.0
"""The finished chunks of a run: each a bag of its own, there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from joint_perception.offline.bags.message_types import quality

if TYPE_CHECKING:
    from pathlib import Path

    from rosbags.interfaces import Connection
    from rosbags.typesys.store import Typestore

    from joint_perception.offline.bags.outputs import OutputTopic
    from joint_perception.offline.bags.recording import Topic

_REPORT = "report.json"
_PROBLEMS_KEPT = 20


@dataclass
class PartReport:
    """What a chunk became.

    Attributes:
        index: The chunk's.
        frames: Frames whose outputs were written.
        skipped: Frames that gave none, by cause.
        problems: Why; the first twenty.
        counts: Topic to number of messages.
        sizes: Topic to bytes of messages, before compression.
    """

    index: int
    frames: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)

    def skip(self, cause: str, problem: str) -> None:
        """Count a frame that gives no output."""
        self.skipped[cause] += 1
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(problem)


class Parts:
    """The parts of a run, in a folder.

    Args:
        folder: Where they are; made where absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, index: int) -> Path:
        """The bag of a chunk, once it is done."""
        return self.folder / f"{index:06}"

    def done(self) -> set[int]:
        """Indices of the chunks that are done."""
        return {int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()}

    def report(self, index: int) -> PartReport:
        """What became of a chunk that is done."""
        found: dict[str, Any] = json.loads((self.path(index) / _REPORT).read_text(encoding="utf-8"))
        for name in ("skipped", "counts", "sizes"):
            found[name] = Counter(found[name])
        return PartReport(**found)


class PartWriter:
    """Writes the bag of one chunk.

    Args:
        parts: Where to.
        index: The chunk's.
        topics: The recorded topics that are kept; others give None.
        outputs: The topics that are added.
        store: Knows the types of those.
        compress: Whether the bag's chunks are compressed, by zstd.
    """

    def __init__(
        self,
        parts: Parts,
        index: int,
        topics: list[Topic | None],
        outputs: list[OutputTopic],
        store: Typestore,
        *,
        compress: bool,
    ) -> None:
        self.report = PartReport(index)
        self._final = parts.path(index)
        # Of this process alone: the same chunk may be repeated elsewhere while a lost worker still writes it.
        self._folder = parts.folder / f"{index:06}.{socket.gethostname()}-{os.getpid()}.tmp"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._writer = Writer(self._folder, version=9, storage_plugin=StoragePlugin.MCAP)
        if compress:
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        # All of them in each part, in the same order: then their numbers are the same in all parts.
        self._recorded = [None if topic is None else self._add_recorded(topic) for topic in topics]
        self._made = {
            (topic.camera, topic.output): self._writer.add_connection(
                topic.name, topic.kind, typestore=store, offered_qos_profiles=[quality(latched=topic.latched)]
            )
            for topic in outputs
        }

    def recorded(self, topic: int, time: int, data: bytes) -> None:
        """Write a recorded message, if its topic is kept."""
        if (connection := self._recorded[topic]) is not None:
            self._write(connection, time, data)

    def made(self, camera: int, output: str, time: int, data: bytes) -> None:
        """Write an output."""
        self._write(self._made[camera, output], time, data)

    def finish(self) -> PartReport:
        """Make the part visible; if another process was faster, its part stays."""
        self._writer.close()
        (self._folder / _REPORT).write_text(json.dumps(vars(self.report)), encoding="utf-8")
        try:
            self._folder.rename(self._final)
        except OSError:
            if not self._final.exists():
                raise
            shutil.rmtree(self._folder)
        return self.report

    def abort(self) -> None:
        """Leave nothing behind."""
        self._writer.abort()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _add_recorded(self, topic: Topic) -> Connection:
        return self._writer.add_connection(
            topic.name,
            topic.kind,
            msgdef=topic.definition,
            rihs01=topic.digest,
            offered_qos_profiles=topic.qualities,
        )

    def _write(self, connection: Connection, time: int, data: bytes) -> None:
        self._writer.write(connection, time, data)
        self.report.counts[connection.topic] += 1
        self.report.sizes[connection.topic] += len(data)
