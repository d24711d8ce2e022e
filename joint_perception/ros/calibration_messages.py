# SPDX-License-Identifier: Apache-2.0
"""Where the messages for `joint_perception calibrate-depth` come from: a bag, or topics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from joint_perception.pipeline.depth_calibration import Trio

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    Complete = Generator[tuple[Any, Any, Any], None, None]


class SourceError(RuntimeError):
    """A bag or a topic that does not have what is needed."""


class Topics:
    """The topics that are read.

    Args:
        image: Of the images.
        info: Of their camera_info; empty: `camera_info` beside the images.
        reference: Of the true depth; empty: none.
        slop: Seconds that the stamps of an image and its reference may differ.
    """

    def __init__(self, image: str, info: str, reference: str, slop: float) -> None:
        self.image = image
        self.info = info or f"{image.removesuffix('/compressed').rpartition('/')[0]}/camera_info"
        self.reference, self.slop = reference, slop

    @property
    def all(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(topic for topic in (self.image, self.info, self.reference) if topic)

    def join(self) -> tuple[Trio, dict[str, Any]]:
        """Something to join the messages with, and what takes those of each topic."""
        trio = Trio(self.slop, referenced=bool(self.reference))
        takers = {self.info: trio.add_info, self.image: trio.add_image, self.reference: trio.add_reference}
        return trio, {topic: takers[topic] for topic in self.all}


def from_bag(path: Path, topics: Topics) -> Complete:
    """The images, camera_infos and references of a bag; needs no ROS.

    Raises:
        SourceError: rosbags is not installed, the bag cannot be read, or lacks a topic.
    """
    try:
        from rosbags.highlevel import AnyReader, AnyReaderError  # noqa: PLC0415
        from rosbags.typesys import Stores, get_typestore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SourceError(f"{error}; pip install rosbags") from error
    _, takers = topics.join()
    try:
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            connections = [connection for connection in reader.connections if connection.topic in takers]
            missing = set(topics.all) - {connection.topic for connection in connections}
            if missing:
                there = ", ".join(sorted({connection.topic for connection in reader.connections})) or "nothing"
                raise SourceError(f"bag {path} has no topic {', '.join(sorted(missing))}; it has {there}")
            for connection, _, data in reader.messages(connections):
                yield from takers[connection.topic](reader.deserialize(data, connection.msgtype)) or ()
    except (AnyReaderError, OSError) as error:
        raise SourceError(f"bag {path} cannot be read: {error}") from error


def from_topics(topics: Topics, timeout: float) -> Complete:
    """The images, camera_infos and references of live topics, until nobody asks for more.

    Args:
        topics: Which.
        timeout: Seconds to wait for the next.

    Raises:
        SourceError: None came for so long; says which topics were silent.
    """
    import rclpy  # noqa: PLC0415 (a bag needs no ROS)
    from rclpy.executors import SingleThreadedExecutor  # noqa: PLC0415
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: PLC0415

    from joint_perception.ros import qos  # noqa: PLC0415

    context = rclpy.Context()
    context.init()
    node = rclpy.create_node("joint_perception_calibrate_depth", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    _, takers = topics.join()
    counts = dict.fromkeys(topics.all, 0)
    ready: list[tuple[Any, Any, Any]] = []

    def hear(topic: str, kind: type) -> None:
        def take(message: Any) -> None:
            counts[topic] += 1
            ready.extend(takers[topic](message) or ())
            del ready[:-1]  # the network is slower than the camera: the newest

        node.create_subscription(kind, topic, take, qos.own(qos.SENSOR))

    try:
        compressed = topics.image.endswith("/compressed")
        hear(topics.image, CompressedImage if compressed else Image)
        hear(topics.info, CameraInfo)
        if topics.reference:
            hear(topics.reference, Image)
        end = time.monotonic() + timeout
        while True:
            executor.spin_once(timeout_sec=0.1)
            if ready:
                yield ready.pop()
                end = time.monotonic() + timeout
            elif time.monotonic() > end:
                heard = ", ".join(f"{count} of {topic}" for topic, count in counts.items())
                raise SourceError(f"nothing to compare came for {timeout:g} s; messages heard: {heard}")
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
