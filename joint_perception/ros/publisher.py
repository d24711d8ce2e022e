# SPDX-License-Identifier: Apache-2.0
"""All output topics of one camera, and the only place that publishes on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.event_handler import PublisherEventCallbacks
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from joint_perception.domains.domain import VOID_ID
from joint_perception.domains.overlay import overlay
from joint_perception.geometry import normals_from_depth
from joint_perception.msg import ClassMap, PerceptionStats
from joint_perception.pipeline.clouds import CloudMaker
from joint_perception.ros import qos
from joint_perception.ros.label_info import label_info_message, label_info_type
from joint_perception.ros.messages import (
    class_map_message,
    cloud_message,
    confidence_message,
    depth_message,
    image_message,
)
from joint_perception.ros.watchdog import check_wanted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rclpy.lifecycle import LifecycleNode
    from rclpy.qos import QoSProfile

    from joint_perception.engine import Frame, Prediction, Stopwatch
    from joint_perception.pipeline.camera_frame import CameraFrame
    from joint_perception.pipeline.labels import LabelMeaning
    from joint_perception.pipeline.settings import Settings
    from joint_perception.ros.statistics import Statistics

# Topic, type, QoS. Those of the first group need the network; the second is known without it.
PREDICTED = (
    ("label", Image, qos.OUTPUT),
    ("label_color", Image, qos.OUTPUT),
    ("overlay", Image, qos.OUTPUT),
    ("confidence", Image, qos.OUTPUT),
    ("depth", Image, qos.OUTPUT),
    ("normals", Image, qos.OUTPUT),
    ("points", PointCloud2, qos.OUTPUT),
    ("obstacles", PointCloud2, qos.OUTPUT),
)
TAKEN = (("image_rect", Image, qos.OUTPUT), ("camera_info", CameraInfo, qos.OUTPUT))
OTHERS = (("classes", ClassMap, qos.LATCHED), ("stats", PerceptionStats, qos.OUTPUT))
LABEL_INFO = "label_info"


class OutputPublisher:
    """Turns predictions into messages; nothing is computed for a topic without subscribers.

    Args:
        node: Where the publishers live.
        camera: Name of the camera, below which its topics are; empty: the only one.
        settings: Read anew at each frame, for those that are live.
        statistics: Told of subscribers that ask for a QoS we do not offer.
    """

    def __init__(self, node: LifecycleNode, camera: str, settings: Settings, statistics: Statistics) -> None:
        self._node, self._settings, self._statistics = node, settings, statistics
        self._prefix = f"~/{camera}/" if camera else "~/"
        self._clouds = CloudMaker(settings)
        self._told: LabelMeaning | None = None
        topics = [*PREDICTED, *TAKEN, *OTHERS]
        if (kind := label_info_type()) is not None:
            topics.append((LABEL_INFO, kind, qos.LATCHED))
        self._publishers = {topic: self._advertise(topic, kind, profile) for topic, kind, profile in topics}

    def destroy(self) -> None:
        """Give up the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    @property
    def cloud_profile(self) -> QoSProfile:
        """QoS of ~/points, with the overrides it was given."""
        return self._publishers["points"].qos_profile

    def wanted(self, topic: str) -> bool:
        """Whether anybody subscribes to the topic."""
        return bool(self._publishers[topic].get_subscription_count())

    def cloud_bytes(self, frame: Frame) -> int:
        """Bytes of the frame's cloud in ~/points."""
        return self._clouds.size(*frame.image.shape[:2])

    def wants_prediction(self) -> bool:
        """Whether anybody subscribes to what the network must run for."""
        return any(self.wanted(topic) for topic, _, _ in PREDICTED)

    def wanted_of_engine(self) -> set[str]:
        """What the engine must compute besides labels and depth, of `engine.frame.EVERYTHING`."""
        found = set()
        in_points = self.wanted("points") and "confidence" in self._clouds.fields
        if in_points or any(self.wanted(topic) for topic in ("confidence", "obstacles")):
            found.add("confidence")
        if self.wanted("normals") and self._settings["normals.source"] != "depth":
            found.add("normals")
        return found

    def wants_frame(self) -> bool:
        """Whether anybody subscribes to what comes with the image alone."""
        return any(self.wanted(topic) for topic, _, _ in TAKEN)

    def publish_meaning(self, meaning: LabelMeaning) -> None:
        """Latch what the label ids mean, where that is not what was said last."""
        if meaning is self._told:
            return
        self._told = meaning
        header = Header(stamp=self._node.get_clock().now().to_msg())
        self._publish("classes", class_map_message(header, meaning.published, VOID_ID))
        if LABEL_INFO in self._publishers:
            threshold = self._settings["min_confidence"]
            self._publish(LABEL_INFO, label_info_message(header, meaning.published, threshold))

    def publish_stats(self, message: PerceptionStats) -> None:
        """Publish statistics, if wanted."""
        if self.wanted("stats"):
            self._publish("stats", message)

    def publish_frame(self, taken: CameraFrame) -> None:
        """Publish what comes with the image alone, if wanted."""
        if self.wanted("image_rect"):
            self._publish("image_rect", image_message(taken.header, taken.frame.image))
        if self.wanted("camera_info"):
            self._publish("camera_info", taken.info)

    def publish(self, taken: CameraFrame, prediction: Prediction, meaning: LabelMeaning, stopwatch: Stopwatch) -> None:
        """Publish what is wanted of a frame.

        Args:
            taken: The frame, with the header every output gets.
            prediction: What the network said of it.
            meaning: What its labels mean.
            stopwatch: Gets the time of the stages `cloud` and `publish`.
        """
        header, frame = taken.header, taken.frame
        for topic, make in (("points", self._clouds.points), ("obstacles", self._clouds.obstacles)):
            if self.wanted(topic):
                with stopwatch.stage("cloud"):
                    points = make(frame, prediction, meaning)
                    if topic == "points":
                        colors = self._clouds.semantic_colors(points, meaning)
                        cloud = cloud_message(header, points, colors, self._clouds.fields)
                    else:
                        cloud = cloud_message(header, points)
                with stopwatch.stage("publish"):
                    self._publish(topic, cloud)
        with stopwatch.stage("publish"):
            self.publish_meaning(meaning)
            self._publish_labels(taken, prediction, meaning)
            if self.wanted("depth"):
                self._publish("depth", depth_message(header, prediction.depth, self._settings["depth.encoding"]))
            if self.wanted("normals"):
                self._publish("normals", image_message(header, self._normals(taken, prediction)))
            self.publish_frame(taken)

    def _publish_labels(self, taken: CameraFrame, prediction: Prediction, meaning: LabelMeaning) -> None:
        header = taken.header
        if self.wanted("confidence") and prediction.confidence is not None:
            self._publish("confidence", confidence_message(header, prediction.confidence))
        if not any(self.wanted(topic) for topic in ("label", "label_color", "overlay")):
            return
        labels = meaning.of(prediction.labels)
        if self.wanted("label"):
            self._publish("label", image_message(header, labels))
        if self.wanted("label_color") or self.wanted("overlay"):
            colors = meaning.published.colorize(labels)
            if self.wanted("label_color"):
                self._publish("label_color", image_message(header, colors))
            if self.wanted("overlay"):
                blend = overlay(taken.frame.image, colors, labels, self._settings["overlay.alpha"])
                self._publish("overlay", image_message(header, blend))

    def _normals(self, taken: CameraFrame, prediction: Prediction) -> npt.NDArray[np.float32]:
        camera = taken.frame.camera
        if camera is None:  # FrameMaker never hands out a frame without one
            raise ValueError("normals need the camera of their image")
        if prediction.normals is not None and self._settings["normals.source"] != "depth":
            return prediction.normals
        return normals_from_depth(prediction.depth, camera)

    def _publish(self, topic: str, message: Any) -> None:
        check_wanted()  # a thread that was stuck meanwhile has nothing to say any more
        self._publishers[topic].publish(message)

    def _advertise(self, topic: str, kind: type, profile: Any) -> Any:

        def incompatible(event: Any) -> None:
            policy = qos.policy_name(event.last_policy_kind)
            self._statistics.qos_incompatible(publisher.topic_name, policy)
            self._node.get_logger().warning(
                f"a subscriber of {publisher.topic_name} asks for a QoS we do not offer "
                f"({policy}) and gets nothing; change it there, or here with the parameter "
                f"qos_overrides.{publisher.topic_name}.publisher.{policy.lower()}"
            )

        publisher = self._node.create_lifecycle_publisher(
            kind,
            f"{self._prefix}{topic}",
            qos.own(profile),
            event_callbacks=PublisherEventCallbacks(incompatible_qos=incompatible),
            qos_overriding_options=qos.overridable(),
        )
        return publisher
