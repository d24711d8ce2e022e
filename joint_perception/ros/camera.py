# SPDX-License-Identifier: Apache-2.0
"""One camera: its two subscriptions, joined by stamp; only the newest pair is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from rclpy.event_handler import SubscriptionEventCallbacks
from sensor_msgs.msg import CameraInfo, Image

from joint_perception.engine import Frame
from joint_perception.geometry import CameraModelError
from joint_perception.ros import qos
from joint_perception.ros.errors import FrameError
from joint_perception.ros.messages import camera_info_for, pinhole_from_camera_info
from joint_perception.ros.optional import make_decoder, make_pairing, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rclpy.node import Node

    from joint_perception.ros.statistics import Statistics

CAMERA_INFO = "camera_info"


Pair = tuple[Image, CameraInfo]


class CameraFrame(NamedTuple):
    """A decoded frame with what its outputs must carry.

    Attributes:
        image: The image message, for its header.
        info: The camera_info of the outputs, of the image's size.
        frame: What the engine takes.
    """

    image: Image
    info: CameraInfo
    frame: Frame


class Camera:
    """Keeps the newest image of a camera with its camera_info; older ones are counted as dropped.

    Args:
        node: Where the subscriptions live.
        image_topic: Topic of the images.
        info_topic: Topic of the camera_infos; empty: `camera_info` beside the image topic.
        queue_size: Messages that wait for their partner.
        statistics: Counts what arrives and what is dropped.
        on_new: Called, from the executor, whenever a new pair is there.
    """

    def __init__(
        self,
        node: Node,
        image_topic: str,
        info_topic: str,
        queue_size: int,
        statistics: Statistics,
        on_new: Callable[[], None],
    ) -> None:
        self._node, self._statistics, self._on_new = node, statistics, on_new
        self._queue_size = queue_size
        self._lock = threading.Lock()
        self._newest: Pair | None = None
        self._decode = make_decoder()
        self._reset_pairing()
        resolved = node.resolve_topic_name(image_topic)
        info_topic = info_topic or f"{resolved.rpartition('/')[0]}/{CAMERA_INFO}"
        self._image_subscription = self._subscribe(Image, image_topic, self._on_image)
        self._info_subscription = self._subscribe(CameraInfo, info_topic, self._on_info)

    def destroy(self) -> None:
        """Give up the subscriptions."""
        self._node.destroy_subscription(self._image_subscription)
        self._node.destroy_subscription(self._info_subscription)

    def take(self) -> Pair | None:
        """The newest pair, once; None when there is none since the last call."""
        with self._lock:
            pair, self._newest = self._newest, None
        return pair

    def decode(self, pair: Pair) -> CameraFrame:
        """Turn a pair into a frame.

        Raises:
            FrameError: The image or its camera_info is unusable.
        """
        image, info = pair
        rgb = self._decode(image)
        try:
            camera = pinhole_from_camera_info(info, image.width, image.height)
        except CameraModelError as error:
            raise FrameError("bad_camera_info", f"{self._info_subscription.topic_name}: {error}") from error
        return CameraFrame(image, camera_info_for(info, camera), Frame(rgb, camera))

    @property
    def topics(self) -> tuple[str, str]:
        """The resolved names of the image topic and the camera_info topic."""
        return self._image_subscription.topic_name, self._info_subscription.topic_name

    def silent_topics(self) -> list[str]:
        """Topics that nobody publishes."""
        return [topic for topic in self.topics if self._node.count_publishers(topic) == 0]

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> Any:
        def incompatible(event: Any) -> None:
            self._node.get_logger().warning(
                f"a publisher on {name} offers a QoS we cannot take ({event.last_policy_kind.name}); change it there, "
                f"or here with the parameter qos_overrides.{name}.subscription.{event.last_policy_kind.name.lower()}"
            )

        subscription = self._node.create_subscription(
            kind,
            topic,
            callback,
            qos.SENSOR,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=incompatible),
            qos_overriding_options=qos.overridable(),
        )
        name = subscription.topic_name
        return subscription

    def _reset_pairing(self) -> None:
        self._pairing = make_pairing(self._on_pair, self._queue_size)
        self._waiting: OrderedDict[int, None] = OrderedDict()
        self._last_stamp = 0

    def _on_image(self, image: Image) -> None:
        self._statistics.received()
        stamp = nanoseconds(image.header.stamp)
        if stamp < self._last_stamp:
            # A bag started over, or a clock was set back. What waits has later stamps, and would push out
            # everything that comes now: both pairings throw the earliest stamp away first.
            for _ in self._waiting:
                self._unpaired()
            self._reset_pairing()
        self._last_stamp = stamp
        self._waiting[stamp] = None
        self._pairing.add_image(image)
        while len(self._waiting) > self._queue_size:
            self._waiting.popitem(last=False)
            self._unpaired()

    def _on_info(self, info: CameraInfo) -> None:
        self._pairing.add_camera_info(info)

    def _on_pair(self, image: Image, info: CameraInfo) -> None:
        self._waiting.pop(nanoseconds(image.header.stamp), None)
        with self._lock:
            superseded, self._newest = self._newest, (image, info)
        if superseded is not None:
            self._statistics.dropped("superseded", "a newer image arrived before the engine was free")
        self._on_new()

    def _unpaired(self) -> None:
        self._statistics.dropped(
            "no_camera_info",
            f"no camera_info of the image's stamp came on {self._info_subscription.topic_name}; publish one with "
            "each image, with the same stamp, or set camera_info_topic",
        )
