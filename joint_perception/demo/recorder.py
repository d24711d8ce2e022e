# SPDX-License-Identifier: Apache-2.0
"""Receives every topic as any other process would, and writes what came into an MCAP bag."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import rclpy.serialization
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from joint_perception.demo.player import IMAGE_TOPIC, INFO_TOPIC
from joint_perception.msg import ClassMap, PerceptionStats
from joint_perception.ros.optional import nanoseconds
from joint_perception.ros.publisher import OTHERS, PREDICTED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rosbags.interfaces import Connection
    from rosbags.typesys.store import Typestore

OUTPUTS: dict[str, type] = {topic: kind for topic, kind, _ in (*PREDICTED, *OTHERS)}
# Clouds are ten times the size of all else; one a second is enough to look at.
_CLOUD_PERIOD_NS = 1_000_000_000


class Recorder(Node):
    """Subscribes to the camera and to all outputs of a perception node.

    Args:
        bag: Folder of the bag; must not exist.
        node_name: Fully qualified name of the perception node.
        share: The package's share folder, for its message definitions.

    Attributes:
        newest: Topic to the last message of each image size, by (height, width); (0, 0) for those without.
        latencies: Topic to seconds from stamp to receipt, of each message.
    """

    def __init__(self, bag: Path, node_name: str, share: Path) -> None:
        super().__init__("demo_recorder")
        self.newest: dict[str, dict[tuple[int, int], Any]] = {}
        self.latencies: dict[str, list[float]] = {}
        self._typestore = _typestore(share)
        self._writer = Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._last_cloud = 0
        topics: Mapping[str, type] = {
            IMAGE_TOPIC: Image,
            INFO_TOPIC: CameraInfo,
            **{f"{node_name}/{name}": kind for name, kind in OUTPUTS.items()},
        }
        for topic, kind in topics.items():
            self._record(topic, kind)

    def close(self) -> None:
        """Finish the bag."""
        self._writer.close()

    def _record(self, topic: str, kind: type) -> None:
        latched = kind is ClassMap
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=durability)
        name = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
        connection = self._writer.add_connection(
            topic, name, typestore=self._typestore, offered_qos_profiles=[_qos_in_bag(latched=latched)]
        )
        # Raw: the bytes go into the bag as they came.
        self.create_subscription(kind, topic, lambda data: self._received(connection, kind, data), qos, raw=True)

    def _received(self, connection: Connection, kind: type, data: bytes) -> None:
        now = time.time_ns()
        message = rclpy.serialization.deserialize_message(data, kind)
        size = (getattr(message, "height", 0), getattr(message, "width", 0))
        self.newest.setdefault(connection.topic, {})[size] = message
        if kind is not ClassMap and kind is not PerceptionStats:
            latency = (now - nanoseconds(message.header.stamp)) * 1e-9
            self.latencies.setdefault(connection.topic, []).append(latency)
        if kind is PointCloud2:
            if now - self._last_cloud < _CLOUD_PERIOD_NS:
                return
            self._last_cloud = now
        self._writer.write(connection, now, data)


def _qos_in_bag(*, latched: bool) -> Qos:
    # So that a replay latches what the node latches. Without deadline, lifespan and lease, as the node has none.
    never = QosTime(0, 0)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 5,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=never,
        lifespan=never,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=never,
        avoid_ros_namespace_conventions=False,
    )


def _typestore(share: Path) -> Typestore:
    store = get_typestore(Stores.ROS2_JAZZY)  # for sensor_msgs, which Kilted has unchanged
    for file in sorted((share / "msg").glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"joint_perception/msg/{file.stem}"))
    return store
