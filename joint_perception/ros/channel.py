# SPDX-License-Identifier: Apache-2.0
"""One camera of a node: its subscriptions, its counts, its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joint_perception.pipeline.labels import meaning
from joint_perception.pipeline.readings import reading_for
from joint_perception.ros import qos
from joint_perception.ros.camera import Camera
from joint_perception.ros.diagnostics import camera_status
from joint_perception.ros.optional import nanoseconds
from joint_perception.ros.publisher import OutputPublisher
from joint_perception.ros.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.lifecycle import LifecycleNode

    from joint_perception.engine import Engine, Prediction, Reading, Stopwatch
    from joint_perception.pipeline.camera_frame import CameraFrame, Pair
    from joint_perception.pipeline.labels import LabelMeaning
    from joint_perception.pipeline.settings import CameraSettings, Settings
    from joint_perception.ros.diagnostics import Status
    from joint_perception.ros.statistics import Health


class Channel:
    """One camera of a node.

    Args:
        node: Where its publishers and subscriptions live.
        name: The camera's; empty: the only one.
        settings: What holds for it.

    Attributes:
        cloud_bytes: Size of the largest cloud in ~/points so far, published or not.
    """

    def __init__(self, node: LifecycleNode, name: str, settings: CameraSettings) -> None:
        self._node, self._settings = node, settings
        self.name = name
        self.statistics = Statistics(node.get_logger(), name)
        self.publisher = OutputPublisher(node, name, settings, self.statistics)
        self.camera: Camera | None = None
        self._reported_out = 0
        self.cloud_bytes = 0

    def subscribe(self, on_pair: Callable[[Pair], None]) -> None:
        """Begin to hear the camera; `on_pair` gets, from the executor, each image with its camera_info."""
        self.statistics.reset()
        self._reported_out = 0
        self.camera = Camera(self._node, self.name, self._settings, self.statistics, on_pair)

    def unsubscribe(self) -> None:
        """Hear the camera no more."""
        if self.camera is not None:
            self.camera.destroy()
        self.camera = None

    def destroy(self) -> None:
        """Give up everything."""
        self.unsubscribe()
        self.publisher.destroy()

    @property
    def topics(self) -> tuple[str, ...]:
        """The resolved names of the topics that are heard."""
        return self.camera.topics if self.camera is not None else ()

    def silent_topics(self) -> list[str]:
        """Those that nobody publishes."""
        return self.camera.silent_topics() if self.camera is not None else []

    def publish_meaning(self, engine: Engine) -> None:
        """Latch what the label ids mean."""
        self.publisher.publish_meaning(self._meaning(engine.reading(self._settings["domain"] or None)))

    def reading(self, engine: Engine, taken: CameraFrame) -> Reading:
        """How the network's outputs for a frame are read, by the parameters of this moment."""
        return reading_for(engine, self._settings, taken.frame)

    def publish(self, taken: CameraFrame, reading: Reading, prediction: Prediction, stopwatch: Stopwatch) -> None:
        """Publish what is wanted of a frame.

        Args:
            taken: The frame.
            reading: How the prediction was read.
            prediction: Of the frame.
            stopwatch: Gets the time of the stages `cloud` and `publish`.
        """
        self.publisher.publish(taken, prediction, self._meaning(reading), stopwatch)
        self.cloud_bytes = max(self.cloud_bytes, self.publisher.cloud_bytes(taken.frame))

    def count(self, taken: CameraFrame, stopwatch: Stopwatch) -> None:
        """Count a frame that was published, and publish the statistics.

        Args:
            taken: The frame.
            stopwatch: Time in all its stages.
        """
        stamp, now = nanoseconds(taken.header.stamp), self._node.get_clock().now().nanoseconds
        latency = (now - stamp) * 1e-9 if stamp else float("nan")
        self.statistics.published(taken.header, stopwatch.seconds, latency)
        self.publisher.publish_stats(self.statistics.message())

    def heartbeat(self) -> None:
        """Publish statistics while no frame does."""
        if self.statistics.frames_out == self._reported_out:
            self.publisher.publish_stats(self.statistics.message())
        self._reported_out = self.statistics.frames_out

    def status(self, health: Health, limits: Settings) -> Status:
        """How the camera fares, for diagnostics.

        Args:
            health: What its statistics say.
            limits: The parameters `diagnostics.*`.
        """
        return camera_status(self.name, self.topics, health, limits)

    def health(self) -> Health:
        """How the camera fares, in numbers."""
        self.statistics.recheck_qos(lambda topic: qos.misfits(self._node, topic))
        return self.statistics.health()

    def _meaning(self, reading: Reading) -> LabelMeaning:
        return meaning(reading.domain, self._settings["grouping"])
