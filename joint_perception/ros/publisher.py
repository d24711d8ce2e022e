# SPDX-License-Identifier: Apache-2.0
"""All the node's output topics, and the only place that publishes on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.event_handler import PublisherEventCallbacks
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from joint_perception.domains.domain import VOID_ID
from joint_perception.domains.overlay import overlay
from joint_perception.geometry import make_cloud
from joint_perception.msg import ClassMap, PerceptionStats
from joint_perception.ros import qos
from joint_perception.ros.messages import class_map_message, cloud_message, depth_message, image_message

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecycleNode

    from joint_perception.domains import Domain
    from joint_perception.engine import Prediction, Stopwatch
    from joint_perception.ros.camera import CameraFrame
    from joint_perception.ros.parameters import Parameters

# Topic, type, QoS. Those of the first group need the network; camera_info is known without it.
PREDICTED = (
    ("label", Image, qos.OUTPUT),
    ("label_color", Image, qos.OUTPUT),
    ("overlay", Image, qos.OUTPUT),
    ("depth", Image, qos.OUTPUT),
    ("points", PointCloud2, qos.OUTPUT),
)
OTHERS = (
    ("camera_info", CameraInfo, qos.OUTPUT),
    ("classes", ClassMap, qos.LATCHED),
    ("stats", PerceptionStats, qos.OUTPUT),
)


class OutputPublisher:
    """Turns predictions into messages; nothing is computed for a topic without subscribers.

    Args:
        node: Where the publishers live.
        domain: What the labels mean.
        parameters: Read anew at each frame, for those that are live.
    """

    def __init__(self, node: LifecycleNode, domain: Domain, parameters: Parameters) -> None:
        self._node, self._domain, self._parameters = node, domain, parameters
        self._publishers = {
            topic: self._advertise(topic, kind, profile) for topic, kind, profile in (*PREDICTED, *OTHERS)
        }

    def destroy(self) -> None:
        """Give up the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self, topic: str) -> bool:
        """Whether anybody subscribes to the topic."""
        return bool(self._publishers[topic].get_subscription_count())

    def wants_prediction(self) -> bool:
        """Whether anybody subscribes to what the network must run for."""
        return any(self.wanted(topic) for topic, _, _ in PREDICTED)

    def publish_classes(self) -> None:
        """Latch what the label ids mean."""
        header = Header(stamp=self._node.get_clock().now().to_msg())
        self._publish("classes", class_map_message(header, self._domain, VOID_ID))

    def publish_stats(self, message: PerceptionStats) -> None:
        """Publish statistics, if wanted."""
        if self.wanted("stats"):
            self._publish("stats", message)

    def publish_camera_info(self, taken: CameraFrame) -> None:
        """Publish the camera_info of the outputs, if wanted."""
        if self.wanted("camera_info"):
            self._publish("camera_info", taken.info)

    def publish(self, taken: CameraFrame, prediction: Prediction, stopwatch: Stopwatch) -> None:
        """Publish what is wanted of a frame.

        Args:
            taken: The frame, with the header every output gets.
            prediction: What the network said of it.
            stopwatch: Gets the time of the stages `cloud` and `publish`.
        """
        header = taken.image.header
        if self.wanted("points"):
            with stopwatch.stage("cloud"):
                points = self._cloud(taken, prediction)
            with stopwatch.stage("publish"):
                self._publish("points", points)
        with stopwatch.stage("publish"):
            if self.wanted("label"):
                self._publish("label", image_message(header, prediction.labels))
            if self.wanted("depth"):
                self._publish("depth", depth_message(header, prediction.depth, self._parameters["depth.encoding"]))
            if self.wanted("label_color") or self.wanted("overlay"):
                colors = self._domain.colorize(prediction.labels)
                if self.wanted("label_color"):
                    self._publish("label_color", image_message(header, colors))
                if self.wanted("overlay"):
                    blend = overlay(taken.frame.image, colors, prediction.labels, self._parameters["overlay.alpha"])
                    self._publish("overlay", image_message(header, blend))
            self.publish_camera_info(taken)

    def _cloud(self, taken: CameraFrame, prediction: Prediction) -> PointCloud2:
        camera = taken.frame.camera
        if camera is None:  # Camera never hands out a frame without one
            raise ValueError("a cloud needs the camera of its image")
        names = self._parameters["points.excluded_classes"]
        excluded = [i for i, name in enumerate(self._domain.class_names) if name in names]
        cloud = make_cloud(
            taken.frame.image, prediction.labels, prediction.depth, prediction.confidence, camera, excluded
        )
        return cloud_message(taken.image.header, cloud)

    def _publish(self, topic: str, message: Any) -> None:
        self._publishers[topic].publish(message)

    def _advertise(self, topic: str, kind: type, profile: Any) -> Any:
        def incompatible(event: Any) -> None:
            self._node.get_logger().warning(
                f"a subscriber of {publisher.topic_name} asks for a QoS we do not offer "
                f"({event.last_policy_kind.name}) and gets nothing; change it there, or here with the parameter "
                f"qos_overrides.{publisher.topic_name}.publisher.{event.last_policy_kind.name.lower()}"
            )

        publisher = self._node.create_lifecycle_publisher(
            kind,
            f"~/{topic}",
            profile,
            event_callbacks=PublisherEventCallbacks(incompatible_qos=incompatible),
            qos_overriding_options=qos.overridable(),
        )
        return publisher
