# SPDX-License-Identifier: Apache-2.0
"""Reads the demonstration's bag again: the frames of which everything came."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.demo import names
from joint_perception.demo.stamp_join import StampJoin
from joint_perception.geometry import Cloud, make_cloud
from joint_perception.geometry.cloud import FIELDS
from joint_perception.pipeline.camera_info import pinhole_from_camera_info
from joint_perception.ros.optional import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import numpy.typing as npt
    from rosbags.typesys.store import Typestore

    Size = tuple[int, int]

_DTYPES = {"mono8": ("u1", 1), "rgb8": ("u1", 3), "32FC1": ("<f4", 1)}
_PARTS = {"image": names.IMAGE_TOPIC, "labels": names.LABEL_TOPIC, "depth": names.DEPTH_TOPIC}
_TRUE_PARTS = {"true_labels": names.TRUE_LABEL_TOPIC, "true_depth": names.TRUE_DEPTH_TOPIC}


@dataclass(frozen=True)
class Moment:
    """A frame, what the node said of it, and the truth where there is one.

    Attributes:
        stamp: Nanoseconds.
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8, the node's.
        depth: (H, W) float32 metres, NaN where there is none, the node's.
        true_labels: (H, W) uint8, or None.
        true_depth: (H, W) float32 metres, or None.
        cloud: The node's cloud, where it was recorded and asked for.
        true_cloud: The cloud of the truth, likewise.
    """

    stamp: int
    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    true_labels: npt.NDArray[np.uint8] | None = None
    true_depth: npt.NDArray[np.float32] | None = None
    cloud: Cloud | None = None
    true_cloud: Cloud | None = None


class Playback:
    """The moments of a bag, read from the file each time they are asked for.

    Args:
        bag: Folder of the bag.
        typestore: Knows its messages.

    Attributes:
        sizes: Stamp to (height, width) of every complete frame, in order of time.
        pictures: Stamp to a number that tells one image from another.
        with_clouds: Stamps of those whose cloud was recorded, of each picture that came again and again the last.
    """

    def __init__(self, bag: Path, typestore: Typestore) -> None:
        self._bag, self._typestore = bag, typestore
        self.pictures: dict[int, int] = {}
        seen: dict[str, dict[int, Size]] = defaultdict(dict)
        recorded = {topic for topic, count in self._counts().items() if count}
        self._topics = _PARTS | {part: topic for part, topic in _TRUE_PARTS.items() if topic in recorded}
        for topic, message in self._messages((*self._topics.values(), names.POINTS_TOPIC)):
            stamp = nanoseconds(message.header.stamp)
            seen[topic][stamp] = (message.height, message.width)
            if topic == names.IMAGE_TOPIC:
                self.pictures[stamp] = zlib.crc32(message.data)
        complete = set.intersection(*(set(seen[topic]) for topic in self._topics.values()))
        self.sizes: dict[int, Size] = {stamp: seen[names.IMAGE_TOPIC][stamp] for stamp in sorted(complete)}
        clouds = sorted(complete & set(seen[names.POINTS_TOPIC]))
        self.with_clouds = sorted({self.pictures[stamp]: stamp for stamp in clouds}.values())

    def main_size(self) -> Size | None:
        """The (height, width) of most frames; None where there are no complete ones."""
        return Counter(self.sizes.values()).most_common(1)[0][0] if self.sizes else None

    def domain_name(self) -> str | None:
        """Name of the domain of the node's labels; None where its class map did not come."""
        return next((message.domain for _, message in self._messages((names.CLASSES_TOPIC,))), None)

    def moments(self, stamps: Collection[int], *, clouds: bool = False) -> Iterator[Moment]:
        """Read frames.

        Args:
            stamps: Which, out of `sizes`.
            clouds: With their clouds; the stamps must be of `with_clouds`.
        """
        topics = self._topics | ({"cloud": names.POINTS_TOPIC, "info": names.INFO_TOPIC} if clouds else {})
        parts = {topic: part for part, topic in topics.items()}
        join, wanted = StampJoin(tuple(topics), len(self.sizes) + 1), set(stamps)
        for topic, message in self._messages(topics.values()):
            stamp = nanoseconds(message.header.stamp)
            if stamp in wanted:
                part = parts[topic]
                found = join.add(part, stamp, message if part == "info" else _value_of(message))
                if found is not None:
                    info = found.pop("info", None)
                    moment = Moment(stamp, **found)
                    yield moment if info is None else replace(moment, true_cloud=_true_cloud(moment, info))

    def _counts(self) -> dict[str, int]:
        from rosbags.rosbag2 import Reader  # noqa: PLC0415 (needed only here, and not by the scorer)

        with Reader(self._bag) as reader:
            return {connection.topic: connection.msgcount for connection in reader.connections}

    def _messages(self, topics: Collection[str]) -> Iterator[tuple[str, Any]]:
        from rosbags.rosbag2 import Reader  # noqa: PLC0415

        with Reader(self._bag) as reader:
            connections = [connection for connection in reader.connections if connection.topic in topics]
            for connection, _, data in reader.messages(connections):
                yield connection.topic, self._typestore.deserialize_cdr(data, connection.msgtype)


def array_of(message: Any) -> npt.NDArray[Any]:
    """The pixels of an image message of the node's or of the demonstration's camera."""
    kind, channels = _DTYPES[message.encoding]
    pixels = np.frombuffer(message.data, kind)
    shape = (message.height, message.width, channels) if channels > 1 else (message.height, message.width)
    return pixels.reshape(shape)


def _value_of(message: Any) -> npt.NDArray[Any] | Cloud:
    if hasattr(message, "point_step"):
        return Cloud(np.frombuffer(message.data, np.float32).reshape(message.height, message.width, len(FIELDS)))
    return array_of(message)


def _true_cloud(moment: Moment, info: Any) -> Cloud | None:
    if moment.true_labels is None or moment.true_depth is None:
        return None
    height, width = moment.true_depth.shape
    camera = pinhole_from_camera_info(info, width, height)
    certain = np.ones((height, width), np.float32)
    return make_cloud(moment.image, moment.true_labels, moment.true_depth, certain, camera, ())
