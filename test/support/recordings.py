# SPDX-License-Identifier: Apache-2.0
"""Small recordings, as robots make them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

if TYPE_CHECKING:
    from pathlib import Path

HEIGHT, WIDTH = 48, 64
FRAME_ID = "camera_optical_frame"
START = 1_700_000_000_000_000_000
PERIOD = 100_000_000
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO, TEXT = "sensor_msgs/msg/CameraInfo", "std_msgs/msg/String"


@dataclass(frozen=True)
class Message:
    """A message that is recorded."""

    topic: str
    kind: str
    time: int
    fields: tuple


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Blocks of colour, (height, width, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.kron(blocks, np.ones((8, 8, 1), np.uint8))


def stamp_of(index: int) -> int:
    """The header's stamp of the image of that index; a little before it is recorded."""
    return START + index * PERIOD - 7_000_001


def drive(count: int, camera: str = "/camera", *, compressed: bool = False, infos: bool = True, seed: int = 0) -> list:
    """A camera's images with camera_info, and a word between them."""
    messages = []
    for i in range(count):
        time, stamp = START + i * PERIOD, stamp_of(i)
        rgb = picture(seed + i)
        if compressed:
            _, data = cv2.imencode(".jpg", rgb[..., ::-1])
            image = Message(f"{camera}/image/compressed", COMPRESSED, time, (stamp, "rgb8; jpeg compressed bgr8", data))
        else:
            image = Message(f"{camera}/image", IMAGE, time, (stamp, rgb))
        messages += [image, Message("/words", TEXT, time + PERIOD // 2, (f"after {i}",))]
        if infos:
            messages.append(Message(f"{camera}/camera_info", INFO, time + 1_000_000, (stamp,)))
    return messages


class Maker:
    """Serialises messages for one generation of ROS."""

    def __init__(self, *, ros1: bool = False) -> None:
        self.ros1 = ros1
        self.store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_JAZZY)

    def header(self, stamp: int):
        types = self.store.types
        time = types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9))
        kind = types["std_msgs/msg/Header"]
        return kind(0, time, FRAME_ID) if self.ros1 else kind(time, FRAME_ID)

    def message(self, message: Message):
        kind = self.store.types[message.kind]
        if message.kind == TEXT:
            return kind(*message.fields)
        header = self.header(message.fields[0])
        if message.kind == IMAGE:
            rgb = message.fields[1]
            height, width = rgb.shape[:2]
            return kind(header, height, width, "rgb8", 0, 3 * width, rgb.reshape(-1))
        if message.kind == COMPRESSED:
            _, form, data = message.fields
            return kind(header, form, np.asarray(data, np.uint8).reshape(-1))
        region = self.store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        fx, cx, cy = 60.0, WIDTH / 2 + 1.25, HEIGHT / 2 - 2.5
        k = np.array([fx, 0, cx, 0, fx, cy, 0, 0, 1])
        p = np.array([fx, 0, cx, 0, 0, fx, cy, 0, 0, 0, 1, 0])
        return kind(header, HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).reshape(-1), p, 0, 0, region)

    def data(self, message: Message) -> bytes:
        serialise = self.store.serialize_ros1 if self.ros1 else self.store.serialize_cdr
        return bytes(serialise(self.message(message), message.kind))


def write_bag(path, messages, *, storage=StoragePlugin.MCAP, compression=None, spoil=None):
    """Write a rosbag2 folder; `spoil` gets a message and its bytes and gives those that are recorded."""
    maker = Maker()
    writer = Writer(path, version=9, storage_plugin=storage)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        _write(writer, maker, messages, spoil)
    return path


def write_bag1(path, messages):
    """Write a rosbag1 file."""
    with Writer1(path) as writer:
        _write(writer, Maker(ros1=True), messages, None)
    return path


def _write(writer, maker, messages, spoil) -> None:
    connections = {}
    for message in sorted(messages, key=lambda one: one.time):
        if message.topic not in connections:
            connections[message.topic] = writer.add_connection(message.topic, message.kind, typestore=maker.store)
        data = maker.data(message)
        writer.write(connections[message.topic], message.time, spoil(message, data) if spoil else data)


def read(bag: Path, topic: str | None = None) -> dict[str, list]:
    """Topic to (time, message) in order, by rosbags' reader; of one topic alone where it is named."""
    found = defaultdict(list)
    with AnyReader([bag]) as reader:
        wanted = [connection for connection in reader.connections if topic in (None, connection.topic)]
        for connection, time, data in reader.messages(wanted):
            found[connection.topic].append((time, reader.deserialize(data, connection.msgtype)))
    return found


def stamp(message) -> int:
    """Of its header, nanoseconds."""
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


__all__ = [
    "CompressionMode",
    "Maker",
    "Message",
    "StoragePlugin",
    "drive",
    "picture",
    "read",
    "stamp",
    "write_bag",
    "write_bag1",
]
