# SPDX-License-Identifier: Apache-2.0
"""Receives every topic as any other process would, and writes what came into an MCAP bag."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import rclpy.serialization
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from joint_perception.demo import names
from joint_perception.demo.bag import Bag
from joint_perception.msg import ClassMap, PerceptionStats
from joint_perception.offline.bags.message_types import quality
from joint_perception.ros import qos
from joint_perception.ros.optional import nanoseconds
from joint_perception.ros.publisher import OTHERS, PREDICTED, TAKEN

if TYPE_CHECKING:
    from pathlib import Path

    from rosbags.interfaces import Connection
    from rosbags.typesys.store import Typestore

# What can be made from the others, or is the camera's own picture again, is not worth its time and its place.
_LEFT_OUT = ("confidence", "normals", "obstacles", "image_rect")
OUTPUTS: dict[str, type] = {
    f"{names.NODE_NAME}/{topic}": kind for topic, kind, _ in (*PREDICTED, *TAKEN, *OTHERS) if topic not in _LEFT_OUT
}
# Clouds are ten times the size of all else; one a second is enough to look at.
_CLOUD_PERIOD_NS = 1_000_000_000


class Recorder(Node):
    """Subscribes to the camera and to all outputs of a perception node.

    Args:
        bag: Folder of the bag; must not exist.
        typestore: What `message_types` gives.
        truth: Whether the camera publishes the truth, too.

    Attributes:
        classes: The node's class map, once it came.
        stats: The node's newest statistics.
        latencies: Topic to seconds from stamp to receipt, of each message.
    """

    def __init__(self, bag: Path, typestore: Typestore, *, truth: bool) -> None:
        super().__init__("demo_recorder")
        self.classes: ClassMap | None = None
        self.stats: PerceptionStats | None = None
        self.latencies: dict[str, list[float]] = {}
        self._typestore = typestore
        self._bag = Bag(bag)
        self._last_cloud = 0
        self._get_state = self.create_client(GetState, f"{names.NODE_NAME}/get_state")
        self._refusals = 0
        self.create_timer(0.5, self._ask_state)
        for topic, kind in OUTPUTS.items():
            self._record(topic, kind)
        self._camera: dict[str, type] = {names.IMAGE_TOPIC: Image, names.INFO_TOPIC: CameraInfo}
        if truth:
            self._camera |= {names.TRUE_LABEL_TOPIC: Image, names.TRUE_DEPTH_TOPIC: Image}
            self._camera[names.TRUE_CLASSES_TOPIC] = ClassMap
            if (tf := names.tf_type()) is not None:
                self._camera[names.TF_TOPIC] = tf

    @property
    def refused(self) -> bool:
        """Whether the node tried to become active and failed."""
        return self.classes is None and self._refusals > 1

    def close(self) -> None:
        """Finish the bag."""
        self._bag.close()
        if self._bag.trouble:
            self.get_logger().error(self._bag.trouble)

    def _record(self, topic: str, kind: type) -> None:
        latched = kind is ClassMap
        profile = qos.LATCHED if latched else QoSProfile(depth=50)
        name = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
        connection = self._bag.writer.add_connection(
            topic, name, typestore=self._typestore, offered_qos_profiles=[quality(latched=latched)]
        )
        # Raw: the bytes go into the bag as they came.
        self.create_subscription(kind, topic, lambda data: self._received(connection, kind, data), profile, raw=True)

    def _received(self, connection: Connection, kind: type, data: bytes) -> None:
        now = time.time_ns()
        message: Any = rclpy.serialization.deserialize_message(data, kind)
        if connection.topic == names.CLASSES_TOPIC and self.classes is None:
            self.classes = message
            # The camera waits for who listens to it: by now the node is heard, and no frame will be missed.
            for topic, camera_kind in self._camera.items():
                self._record(topic, camera_kind)
        elif kind is PerceptionStats:
            self.stats = message
        elif kind in (Image, CameraInfo, PointCloud2):
            self.latencies.setdefault(connection.topic, []).append((now - nanoseconds(message.header.stamp)) * 1e-9)
        if kind is PointCloud2:
            if now - self._last_cloud < _CLOUD_PERIOD_NS:
                return
            self._last_cloud = now
        self._bag.write(connection, now, data)

    def _ask_state(self) -> None:
        if self.classes is None and self._get_state.service_is_ready():
            self._get_state.call_async(GetState.Request()).add_done_callback(self._on_state)

    def _on_state(self, future: Any) -> None:
        # It answers between transitions only; the first answer might precede them.
        self._refusals += future.result().current_state.id != State.PRIMARY_STATE_ACTIVE


def message_types(share: Path) -> Typestore:
    """The definitions of all messages in the bag.

    Args:
        share: The package's share folder, for its own messages.
    """
    store = get_typestore(Stores.ROS2_JAZZY)  # for sensor_msgs and tf2_msgs, which Kilted has unchanged
    for file in sorted((share / "msg").glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"joint_perception/msg/{file.stem}"))
    return store
