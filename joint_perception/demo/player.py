# SPDX-License-Identifier: Apache-2.0
"""A camera that plays pictures: `python -m joint_perception.demo.player IMAGE...`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from joint_perception.domains import KITTI, NYUD
from joint_perception.offline.files import assumed_camera, read_image
from joint_perception.ros.messages import camera_info_for, image_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

IMAGE_TOPIC = "/camera/image_rect_color"
INFO_TOPIC = "/camera/camera_info"
FRAME_ID = "camera_optical_frame"
_WIDE = 2.0  # aspect ratio from which a picture is taken for one of KITTI's


class Player(Node):
    """Publishes each picture for its share of the time, at a steady rate, with a camera_info.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        rate: Frames a second.
        seconds: How long in all.
    """

    def __init__(self, pictures: Sequence[Picture], rate: float, seconds: float) -> None:
        super().__init__("demo_camera")
        qos = QoSProfile(depth=5)  # reliable: matches every subscriber
        self._image_publisher = self.create_publisher(Image, IMAGE_TOPIC, qos)
        self._info_publisher = self.create_publisher(CameraInfo, INFO_TOPIC, qos)
        self._pictures, self._frames, self._sent = pictures, max(1, round(rate * seconds)), 0
        self._messages: dict[int, tuple[Image, CameraInfo]] = {}
        self.done = False
        self.create_timer(1.0 / rate, self._tick)

    def _tick(self) -> None:
        if self._sent == self._frames:
            self.done = True
            return
        index = self._sent * len(self._pictures) // self._frames
        if index not in self._messages:
            self._messages[index] = _messages(self._pictures[index])
        image, info = self._messages[index]
        image.header.stamp = self.get_clock().now().to_msg()
        info.header = image.header
        self._image_publisher.publish(image)
        self._info_publisher.publish(info)
        self._sent += 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Play pictures until the time is up or an interrupt."""
    parser = argparse.ArgumentParser(prog="demo_camera", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(arguments)
    pictures = [read_image(path) for path in options.images]
    rclpy.init(args=[])
    try:
        player = Player(pictures, options.rate, options.seconds)
        while not player.done:
            rclpy.spin_once(player)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


def _messages(picture: Picture) -> tuple[Image, CameraInfo]:
    height, width = picture.shape[:2]
    camera = assumed_camera(KITTI if width / height >= _WIDE else NYUD, width, height)
    image = image_message(Header(frame_id=FRAME_ID), picture)
    return image, camera_info_for(CameraInfo(distortion_model="plumb_bob", d=[0.0] * 5), camera)


if __name__ == "__main__":
    sys.exit(main())
