# SPDX-License-Identifier: Apache-2.0
"""The demonstration's camera: `python -m joint_perception.demo.camera [INPUT...]`."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from joint_perception.demo import footage, names, scenery
from joint_perception.demo.options import add_input_options, frame_count, settle
from joint_perception.demo.shot import DemoError
from joint_perception.domains.domain import VOID_ID
from joint_perception.msg import ClassMap
from joint_perception.ros import qos
from joint_perception.ros.messages import camera_info_for, class_map_message, image_message
from joint_perception.ros.shutdown import shut_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from joint_perception.demo.shot import Shot, Truth
    from joint_perception.domains import Domain

_PATIENCE_S = 90.0  # for the node to load torch and warm up, on a slow machine
_SETTLE_S = 0.5  # for the listeners' other subscriptions to be matched, too


class Camera(Node):
    """Publishes what it sees at a steady rate, each image with its camera_info and, where known, the truth.

    Args:
        shots: What it sees, one by one; equal objects are not turned into messages again.
        rate: Frames a second.
        domain: What the true labels mean; None: there is no truth.

    Attributes:
        done: Whether all has been published.
    """

    def __init__(self, shots: Iterator[Shot], rate: float, domain: Domain | None) -> None:
        super().__init__("demo_camera")
        self._shots, self._rate = shots, rate
        self._shot: Shot | None = None
        self._messages: list[tuple[Any, Any]] = []
        reliable = QoSProfile(depth=10)  # matches every subscriber
        topics: list[tuple[str, type]] = [(names.IMAGE_TOPIC, Image), (names.INFO_TOPIC, CameraInfo)]
        if domain is not None:
            topics += [(names.TRUE_LABEL_TOPIC, Image), (names.TRUE_DEPTH_TOPIC, Image)]
        self._needed = {topic: self.create_publisher(kind, topic, reliable) for topic, kind in topics}
        self._tf: Any = None
        if domain is not None:
            classes = self.create_publisher(ClassMap, names.TRUE_CLASSES_TOPIC, qos.LATCHED)
            classes.publish(class_map_message(Header(stamp=self._now()), domain, VOID_ID))
            kind = names.tf_type()
            if kind is None:
                self.get_logger().info("tf2_msgs is not installed here: the camera's pose is not published on /tf")
            else:
                self._tf = self.create_publisher(kind, names.TF_TOPIC, QoSProfile(depth=100))
        self.done = False

    def unheard(self, listeners: int) -> list[str]:
        """The topics that have fewer subscribers."""
        return [topic for topic, publisher in self._needed.items() if publisher.get_subscription_count() < listeners]

    def start(self) -> None:
        """Begin to publish."""
        self.create_timer(1.0 / self._rate, self._tick)

    def flush(self) -> None:
        """Wait until those who listen have everything, a few seconds at most."""
        for publisher in self._needed.values():
            publisher.wait_for_all_acked(Duration(seconds=2))

    def _now(self) -> Any:
        return self.get_clock().now().to_msg()

    def _tick(self) -> None:
        shot = next(self._shots, None)
        if shot is None:
            self.done = True
            return
        if shot is not self._shot:
            self._shot, self._messages = shot, self._messages_of(shot)
        stamp = self._now()
        for publisher, message in self._messages:
            for header in _headers(message):
                header.stamp = stamp
            publisher.publish(message)

    def _messages_of(self, shot: Shot) -> list[tuple[Any, Any]]:
        """Publishers and what they publish: the truth first, so that it is there before any prediction."""
        info = CameraInfo(header=_header(), distortion_model="plumb_bob", d=[0.0] * 5)
        messages: dict[str, Any] = {}
        if shot.truth is not None:
            messages[names.TRUE_LABEL_TOPIC] = image_message(_header(), shot.truth.labels)
            messages[names.TRUE_DEPTH_TOPIC] = image_message(_header(), shot.truth.depth)
        messages[names.INFO_TOPIC] = camera_info_for(info, shot.camera)
        messages[names.IMAGE_TOPIC] = image_message(_header(), shot.image)
        pairs = [(self._needed[topic], message) for topic, message in messages.items()]
        if self._tf is not None and shot.truth is not None:
            pairs.insert(0, (self._tf, _tf_message(self._tf.msg_type, shot.truth)))
        return pairs


def main(arguments: Sequence[str] | None = None) -> int:
    """Play until everything is played or an interrupt comes.

    Returns:
        Exit status: 0 when done or interrupted, 1 after an error (printed on stderr).
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="demo_camera", description="Play a synthetic world or pictures as a camera.")
    add_input_options(parser)
    parser.add_argument("--listeners", type=int, default=1, help="wait for so many subscribers of each topic")
    options = parser.parse_args(remove_ros_args(["", *arguments])[1:])
    try:
        _play(options, arguments)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (DemoError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except RuntimeError:
        if rclpy.ok():
            raise  # else the interrupt came while ROS was starting
    finally:
        shut_down()
    return 0


def _play(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    settle(options)
    count, domain = frame_count(options), None
    if options.input:
        footage.check(options.input, count, options.rate)
        shots = footage.shots(options.input, count, options.rate, options.domain or "")
    else:
        domain = scenery.DOMAINS[options.world]
        # Before there is a ROS node: the processes that render start from a bare interpreter.
        shots = iter(scenery.render_path(options.world, options.seed, count, options.rate))
    rclpy.init(args=list(arguments))
    camera = Camera(shots, options.rate, domain)
    _await(camera, options.listeners)
    camera.start()
    while not camera.done:
        rclpy.spin_once(camera)
    camera.flush()


def _await(camera: Camera, listeners: int) -> None:
    end = time.monotonic() + _PATIENCE_S
    while unheard := camera.unheard(listeners):
        if time.monotonic() > end:
            raise DemoError(
                f"after {_PATIENCE_S:.0f} s {', '.join(unheard)} had fewer than {listeners} subscribers; start the "
                "node (and, of a synthetic world, the scorer), or see above why it did not become active"
            )
        rclpy.spin_once(camera, timeout_sec=0.05)
    time.sleep(_SETTLE_S)


def _header() -> Header:
    return Header(frame_id=names.FRAME_ID)


def _headers(message: Any) -> list[Any]:
    return [message.header] if hasattr(message, "header") else [transform.header for transform in message.transforms]


def _tf_message(kind: type[Any], truth: Truth) -> Any:
    geometry = import_module("geometry_msgs.msg")
    transform = geometry.TransformStamped(header=Header(frame_id=names.WORLD_FRAME), child_frame_id=names.FRAME_ID)
    x, y, z = truth.pose[:3, 3].tolist()
    transform.transform.translation = geometry.Vector3(x=x, y=y, z=z)
    x, y, z, w = quaternion(truth.pose[:3, :3])
    transform.transform.rotation = geometry.Quaternion(x=x, y=y, z=z, w=w)
    return kind(transforms=[transform])


def quaternion(rotation: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The unit quaternion x, y, z, w of a (3, 3) rotation, w not negative.

    By the eigenvector of the greatest eigenvalue (Bar-Itzhack, "New Method for Extracting the Quaternion from a
    Rotation Matrix", 2000), which is well conditioned for every rotation.
    """
    r = rotation
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2], r[2, 1] - r[1, 2]],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    x, y, z, w = np.linalg.eigh(k)[1][:, -1].tolist()
    sign = -1.0 if w < 0 else 1.0
    return sign * x, sign * y, sign * z, sign * w


if __name__ == "__main__":
    sys.exit(main())
