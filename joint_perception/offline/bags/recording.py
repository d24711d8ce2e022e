# SPDX-License-Identifier: Apache-2.0
"""A recording of whatever kind as one stream of CDR messages in order of time."""

from __future__ import annotations

import heapq
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw
from rosbags.convert.converter import LATCH, STATIC_MSGTYPE_RENAMES, generate_message_converter
from rosbags.interfaces import ConnectionExtRosbag2, MessageDefinitionFormat
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag1 import ReaderError as Reader1Error
from rosbags.rosbag2 import Reader as Reader2
from rosbags.rosbag2 import ReaderError as Reader2Error
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_types_from_idl, get_types_from_msg, get_typestore

from joint_perception.offline.bags.errors import BagError
from joint_perception.offline.bags.message_types import typestore
from joint_perception.offline.bags.salvage import SalvagedMcap

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path
    from types import TracebackType

    from rosbags.interfaces import Connection, Qos
    from rosbags.typesys.store import Typestore
    from typing_extensions import Self

# What rosbags and the libraries below it raise on bytes that are not what they should be.
DAMAGE = (
    Reader1Error,
    Reader2Error,
    apsw.Error,
    zstd.ZstdError,
    RuntimeError,  # lz4
    EOFError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AssertionError,
)
_SEPARATOR = "=" * 80 + "\n"


@dataclass(frozen=True)
class Topic:
    """A topic of a recording, as it goes into a bag.

    Attributes:
        name: Of the topic.
        kind: Its message type, such as `sensor_msgs/msg/Image`.
        definition: Text of the type's definition; empty: unknown.
        digest: The type's RIHS01 hash; empty: unknown.
        qualities: QoS profiles that its publishers offered.
    """

    name: str
    kind: str
    definition: str
    digest: str
    qualities: tuple[Qos, ...] = ()


class Recorded(NamedTuple):
    """A message of a recording.

    Attributes:
        topic: Index in the recording's topics.
        time: When it was recorded, nanoseconds.
        data: CDR.
    """

    topic: int
    time: int
    data: bytes


class Recording:
    """Reads rosbag2 folders, their files (MCAP, sqlite3) and rosbag1 files.

    Args:
        path: The folder or file.
        damaged: True: an MCAP file is read record by record, around what is damaged, and without its index.

    Attributes:
        topics: In the order in which they were recorded.
        store: Knows the types of all messages whose definition is known.
        problems: What could not be read.

    Raises:
        BagError: It is no recording, or cannot be opened.
    """

    def __init__(self, path: Path, *, damaged: bool = False) -> None:
        self.path, self.damaged = path, damaged
        self.topics: list[Topic] = []
        self.store = typestore()
        self.problems: list[str] = []
        self._stack = ExitStack()
        self._readers: list[Any] = []
        self._indices: list[dict[int, int]] = []
        self._converters: dict[str, Callable[[bytes], Any]] = {}
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        """The recording."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""
        self._stack.close()

    def messages(self, start: int | None = None, stop: int | None = None) -> Iterator[Recorded]:
        """All messages recorded from `start` on and before `stop` (nanoseconds), in order of time.

        Raises:
            BagError: The bytes are damaged; open the recording as `damaged` to get around that.
        """
        streams = [
            self._stream(reader, indices, start, stop)
            for reader, indices in zip(self._readers, self._indices, strict=True)
        ]
        yield from streams[0] if len(streams) == 1 else heapq.merge(*streams, key=attrgetter("time"))

    def decode(self, message: Recorded) -> Any:
        """The fields of a message.

        Raises:
            BagError: The bytes are no message of the topic's type, or the type is unknown.
        """
        kind = self.topics[message.topic].kind
        try:
            return self.store.deserialize_cdr(message.data, kind)
        except (SerdeError, KeyError, ValueError, IndexError, TypeError, AssertionError, OverflowError) as error:
            raise BagError(f"the bytes are no {kind}: {type(error).__name__}: {error}") from error

    # --- opening -------------------------------------------------------------------------------------

    def _open(self) -> None:
        if not self.path.exists():
            raise BagError(f"recording {str(self.path)!r} does not exist; check the path")
        for reader in self._open_readers():
            self._stack.callback(reader.close)
            self._readers.append(reader)
        self.problems = [problem for reader in self._readers for problem in getattr(reader, "problems", ())]
        self._register(
            [connection for reader in self._readers for connection in reader.connections],
            ros1=self.path.suffix == ".bag",
        )

    def _open_readers(self) -> Iterator[Any]:
        if self.path.is_dir() and not self.damaged and (self.path / "metadata.yaml").exists():
            reader = Reader2(self.path)
            try:
                reader.open()
            except DAMAGE as error:
                self.problems.append(f"{self.path}: {error}")
            else:
                yield reader
                return
        files = _storage_files(self.path) if self.path.is_dir() else [self.path]
        for file in files:
            yield self._open_file(file)

    def _open_file(self, file: Path) -> Any:
        if file.suffix not in (".mcap", ".db3", ".bag"):
            raise BagError(f"{str(file)!r} is no recording; give a rosbag2 folder, an .mcap, .db3 or .bag file")
        if self.damaged and file.suffix == ".mcap":
            return SalvagedMcap(file)
        try:
            reader = Reader1(file) if file.suffix == ".bag" else Reader2(file)
            reader.open()
        except DAMAGE as error:
            if file.suffix == ".mcap":
                return SalvagedMcap(file, [f"{file}: {error}"])
            raise BagError(f"recording {str(file)!r} cannot be opened: {error}") from error
        return reader

    def _register(self, connections: Collection[Connection], *, ros1: bool) -> None:
        if ros1:
            source = get_typestore(Stores.EMPTY)
            definitions: dict[str, Any] = {}
            for connection in connections:
                definitions |= get_types_from_msg(connection.msgdef.data, connection.msgtype)
            source.register(definitions)
        for reader in self._readers:
            indices: dict[int, int] = {}
            for connection in reader.connections:
                topic = self._topic_of_ros1(connection, source) if ros1 else self._topic_of(connection)
                known = [
                    i for i, other in enumerate(self.topics) if (other.name, other.kind) == (topic.name, topic.kind)
                ]
                indices[connection.id] = known[0] if known else len(self.topics)
                if not known:
                    self.topics.append(topic)
            self._indices.append(indices)

    def _topic_of(self, connection: Connection) -> Topic:
        kind, definition, digest = connection.msgtype, connection.msgdef.data, connection.digest
        known = kind in self.store.fielddefs
        if not known and definition:
            known = _register_types(self.store, kind, definition, connection.msgdef.format)
        if not definition and known:
            definition = self.store.generate_msgdef(kind, ros_version=2)[0]
        if not digest and known:
            digest = self.store.hash_rihs01(kind)
        extension = connection.ext
        qualities = extension.offered_qos_profiles if isinstance(extension, ConnectionExtRosbag2) else ()
        return Topic(connection.topic, kind, definition, digest, tuple(qualities))

    def _topic_of_ros1(self, connection: Connection, source: Typestore) -> Topic:
        kind = STATIC_MSGTYPE_RENAMES.get(connection.msgtype, connection.msgtype)
        if kind not in self.store.fielddefs:
            text = source.generate_msgdef(connection.msgtype, ros_version=2)[0]
            types = get_types_from_msg(text, kind)
            self.store.register({name: types[name] for name in types if name not in self.store.fielddefs})
        self._converters[kind] = generate_message_converter(
            source, self.store, connection.msgtype, kind, {}, src_is2=False, dst_is2=True
        )
        latching = getattr(connection.ext, "latching", 0)
        definition, digest = self.store.generate_msgdef(kind, ros_version=2)[0], self.store.hash_rihs01(kind)
        return Topic(connection.topic, kind, definition, digest, tuple(LATCH if latching else ()))

    # --- reading -------------------------------------------------------------------------------------

    def _stream(self, reader: Any, indices: dict[int, int], start: int | None, stop: int | None) -> Iterator[Recorded]:
        if not reader.connections:
            return
        messages = reader.messages(reader.connections, start, stop)
        while True:
            try:
                connection, time, data = next(messages)
            except StopIteration:
                return
            except DAMAGE as error:
                told = f"{self.path}: damaged: {error}"
                if not self.damaged:
                    raise BagError(told) from error
                self.problems.append(f"{told}; what comes after it is lost")
                return
            topic = indices[connection.id]
            if self._converters:
                data = self._converters[self.topics[topic].kind](data)
            yield Recorded(topic, time, bytes(data))


def _storage_files(folder: Path) -> list[Path]:
    files = [file for file in folder.iterdir() if file.suffix in (".mcap", ".db3")]
    if not files:
        raise BagError(f"folder {str(folder)!r} holds no recording: neither metadata.yaml, nor .mcap or .db3 files")
    # Of a split bag: name_2 comes before name_10.
    return sorted(files, key=lambda file: (len(file.name), file.name))


def _register_types(store: Typestore, kind: str, definition: str, form: MessageDefinitionFormat) -> bool:
    try:
        if form == MessageDefinitionFormat.IDL:
            types: dict[str, Any] = {}
            parts = definition.split(_SEPARATOR)[1:] if definition.startswith(f"{_SEPARATOR}IDL: ") else [definition]
            for part in parts:
                types |= get_types_from_idl(part.split("\n", 1)[1] if part.startswith("IDL: ") else part)
        else:
            types = dict(get_types_from_msg(definition, kind))
        store.register({name: types[name] for name in types if name not in store.fielddefs})
    except (TypesysError, ValueError, KeyError, AssertionError):
        return False  # it goes into the new bag with the definition it came with
    return kind in store.fielddefs
