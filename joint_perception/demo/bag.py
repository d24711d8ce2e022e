# SPDX-License-Identifier: Apache-2.0
"""An MCAP bag that a full disk leaves readable."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from rosbags.rosbag2 import StoragePlugin, Writer

if TYPE_CHECKING:
    from pathlib import Path

    from rosbags.interfaces import Connection

# What an index, the metadata and half a chunk take at the end; given back when there is no more.
_RESERVE = 1 << 20
_START = slice(16, 24)  # where a record of the index says at which byte its chunk begins (MCAP, "Chunk Index")


class Bag:
    """Writes a bag; when the disk is full, finishes it with what it holds.

    Args:
        folder: Of the bag; must not exist.

    Attributes:
        writer: rosbags'; connections are added there.
        trouble: Why it was finished before its time, and what was lost; empty: it goes on.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self.writer.open()
        self.trouble = ""
        self._whole = 0  # bytes of the file up to the end of the last whole chunk
        # Messages by connection: in whole chunks, and in the one that is still in memory.
        self._counted: Counter[int] = Counter()
        self._pending: Counter[int] = Counter()
        self._reserve = folder / ".reserve"
        with suppress(OSError), self._reserve.open("wb") as file:
            file.write(bytes(_RESERVE))

    def write(self, connection: Connection, timestamp: int, data: bytes) -> None:
        """Write a message (CDR, nanoseconds); after a trouble nothing happens."""
        if self.trouble:
            return
        storage: Any = self.writer.storage
        end = storage.bio.tell()
        try:
            self.writer.write(connection, timestamp, data)
        except OSError as error:
            self._finish_early(error, storage, end)
        else:
            self._pending[connection.id] += 1
            if storage.bio.tell() > end:  # a chunk is out
                self._settle()

    def close(self) -> None:
        """Finish the bag."""
        if self.trouble:
            return
        storage: Any = self.writer.storage
        end = storage.bio.tell()
        self._reserve.unlink(missing_ok=True)
        try:
            self.writer.close()
        except OSError as error:
            self._finish_early(error, storage, end)

    def _settle(self) -> None:
        self._counted.update(self._pending)
        self._pending.clear()

    def _finish_early(self, error: OSError, storage: Any, end: int) -> None:
        self._reserve.unlink(missing_ok=True)
        self._whole = end
        lost = sum(self._pending.values()) + 1
        self.trouble = f"the bag ends here, up to {lost} messages were lost: {error}; make room on {self.writer.path}"
        try:
            self._drop_the_rest(storage)
            self.writer.storage = storage
            self.writer.close()
        except OSError as further:
            with suppress(OSError):
                self.writer.abort()
            self.trouble += f"; its index could not be written ({further}): `joint_perception bag` reads it without"

    def _drop_the_rest(self, storage: Any) -> None:
        # What is in the file of the chunk that did not fit, and the messages in it where they are counted.
        if storage.bio.closed:
            storage.bio = storage.path.open("r+b")
        file = storage.bio
        os.ftruncate(file.fileno(), self._whole)
        os.lseek(file.fileno(), self._whole, os.SEEK_SET)
        file.flush()
        file.seek(self._whole)
        file.truncate()
        storage.chunks[:] = [
            chunk for chunk in storage.chunks if int.from_bytes(chunk.getvalue()[_START], "little") < self._whole
        ]
        for connection in self.writer.connections:
            storage.channel_stats[connection.id] = self.writer.counts[connection.id] = self._counted[connection.id]
        storage.chunk = type(storage.chunk)(2**63 - 1, 0, BytesIO(), defaultdict(list))
