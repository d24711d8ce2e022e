# SPDX-License-Identifier: Apache-2.0
"""One camera: its subscriptions, each image joined with its camera_info."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from rclpy.event_handler import SubscriptionEventCallbacks
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from joint_perception.pipeline.camera_frame import CameraFrame, FrameMaker, Pair
from joint_perception.pipeline.compressed import SUFFIX
from joint_perception.ros import qos
from joint_perception.ros.optional import make_decoder, make_pairing, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rclpy.node import Node

    from joint_perception.pipeline.settings import CameraSettings
    from joint_perception.ros.statistics import Statistics

CAMERA_INFO = "camera_info"


class Camera:
    """Hands on each image of a camera with its camera_info.

    Args:
        node: Where the subscriptions live.
        name: The camera's name; empty: the only one.
        settings: Its topics and how they are paired.
        statistics: Counts what arrives and what has no partner.
        on_pair: Called, from the executor, with each pair.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        settings: CameraSettings,
        statistics: Statistics,
        on_pair: Callable[[Pair], None],
    ) -> None:
        self._node, self._statistics, self._hand_on = node, statistics, on_pair
        self._queue_size = settings["pairing.queue_size"]
        self._latest = settings["pairing.mode"] == "latest"
        self._newest_info: CameraInfo | None = None
        self._reset_pairing()
        image_topic, info_topic, kind = _topics(node, name, settings)
        self._subscriptions = [self._subscribe(kind, image_topic, self._on_image)]
        self._subscriptions.append(self._subscribe(CameraInfo, info_topic, self._on_info))
        if self._latest:
            # Who publishes it once keeps it for those that come later, and only for those who ask for it so.
            self._subscriptions.append(
                node.create_subscription(
                    CameraInfo,
                    info_topic,
                    self._on_info,
                    qos.LATCHED,
                    event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
                )
            )
        self._make_frame = FrameMaker(settings, node.get_logger(), *self.topics, make_decoder())

    def destroy(self) -> None:
        """Give up the subscriptions."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def decode(self, pair: Pair) -> CameraFrame:
        """Turn a pair into a frame.

        Raises:
            FrameError: The image or its camera_info is unusable.
        """
        return self._make_frame(pair)

    @property
    def topics(self) -> tuple[str, str]:
        """The resolved names of the image topic and the camera_info topic."""
        return self._subscriptions[0].topic_name, self._subscriptions[1].topic_name

    def silent_topics(self) -> list[str]:
        """Topics that nobody publishes."""
        return [topic for topic in self.topics if self._node.count_publishers(topic) == 0]

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> Any:
        def incompatible(event: Any) -> None:
            policy = qos.policy_name(event.last_policy_kind)
            self._statistics.qos_incompatible(name, policy)
            self._node.get_logger().warning(
                f"a publisher on {name} offers a QoS we cannot take ({policy}); change it there, "
                f"or here with the parameter qos_overrides.{name}.subscription.{policy.lower()}"
            )

        subscription = self._node.create_subscription(
            kind,
            topic,
            callback,
            qos.own(qos.SENSOR),
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=incompatible),
            qos_overriding_options=qos.overridable(),
        )
        name = subscription.topic_name
        return subscription

    def _reset_pairing(self) -> None:
        self._pairing = make_pairing(self._on_pair, self._queue_size)
        # Stamps of the images that wait; with it, those that found no camera_info can be counted.
        self._waiting: OrderedDict[int, None] = OrderedDict()
        self._last_stamp = 0

    def _on_image(self, image: Image | CompressedImage) -> None:
        self._statistics.received()
        stamp = nanoseconds(image.header.stamp)
        if stamp < self._last_stamp:
            # A bag started over, or a clock was set back. What waits has later stamps, and would push out
            # everything that comes now: both pairings throw the earliest stamp away first.
            self._statistics.time_jumped()
            for _ in self._waiting:
                self._unpaired()
            self._reset_pairing()
        self._last_stamp = stamp
        if self._latest:
            if self._newest_info is None:
                self._unpaired()
            else:
                self._hand_on(Pair(image, self._newest_info))
            return
        self._waiting[stamp] = None
        self._pairing.add_image(image)
        while len(self._waiting) > self._queue_size:
            self._waiting.popitem(last=False)
            self._unpaired()

    def _on_info(self, info: CameraInfo) -> None:
        if self._latest:
            self._newest_info = info
        else:
            self._pairing.add_camera_info(info)

    def _on_pair(self, image: Image | CompressedImage, info: CameraInfo) -> None:
        self._waiting.pop(nanoseconds(image.header.stamp), None)
        self._hand_on(Pair(image, info))

    def _unpaired(self) -> None:
        topic = self.topics[1]
        if self._latest:
            reason = f"no camera_info came yet on {topic}; publish it, or set camera_info_topic"
        else:
            reason = (
                f"no camera_info of the image's stamp came on {topic}; publish one with each image, with the same "
                "stamp, or set camera_info_topic, or pairing.mode to latest"
            )
        self._statistics.dropped("no_camera_info", reason)


def _topics(node: Node, name: str, settings: CameraSettings) -> tuple[str, str, type]:
    image_topic, info_topic = settings["image_topic"], settings["camera_info_topic"]
    if name and settings.own("image_topic") is None:
        image_topic = f"{name}/{image_topic}"
    if name and info_topic and settings.own("camera_info_topic") is None and not info_topic.startswith("/"):
        info_topic = f"{name}/{info_topic}"
    base = image_topic.removesuffix(SUFFIX)
    # Beside the images as remapped: `image:=/camera/image` has its camera_info in /camera.
    resolved = node.resolve_topic_name(base)
    info_topic = info_topic or f"{resolved.rpartition('/')[0]}/{CAMERA_INFO}"
    if settings["image_transport"] == "compressed":
        return resolved + SUFFIX, info_topic, CompressedImage
    return image_topic, info_topic, Image
