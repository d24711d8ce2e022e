# SPDX-License-Identifier: Apache-2.0
"""Stand-in for depth_image_proc: point_cloud_xyzrgb.cpp of Humble and of later distributions."""

from __future__ import annotations

import os

import numpy as np
from consumer import Consumer, ExactSync, run
from rclpy.qos import QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

OVERRIDABLE = QoSOverridingOptions(
    (QoSPolicyKind.DEPTH, QoSPolicyKind.DURABILITY, QoSPolicyKind.HISTORY, QoSPolicyKind.RELIABILITY)
)
GENERATION = "STAND_IN_GENERATION"  # environment variable: `humble`, or later


class PointCloudXyzrgb(Consumer):
    """Subscribes once somebody wants its cloud."""

    def __init__(self) -> None:
        super().__init__("PointCloudXyzrgbNode", {"exact_sync": False, "queue_size": 5})
        if not self.settings["exact_sync"]:
            raise SystemExit("this stand-in knows exact sync only")
        self._publisher = self.create_publisher(PointCloud2, "points", QoSProfile(depth=10))
        self._subscribed = False
        self.create_timer(0.1, self._look)

    def _look(self) -> None:
        if self._subscribed or not self._publisher.get_subscription_count():
            return
        self._subscribed = True
        sync = ExactSync(3, self.settings["queue_size"], self.take)
        depth, rgb = (self.resolve_topic_name(t) for t in ("depth_registered/image_rect", "rgb/image_rect_color"))
        humble = os.environ.get(GENERATION) == "humble"
        info = "rgb/camera_info" if humble else self.resolve_topic_name(f"{rgb.rpartition('/')[0]}/camera_info")
        for index, topic in enumerate((depth, rgb)):
            self.create_subscription(
                Image, topic, sync.slot(index), QoSProfile(depth=10), qos_overriding_options=OVERRIDABLE
            )
        self.create_subscription(CameraInfo, info, sync.slot(2), QoSProfile(depth=10))
        self.report(subscribed=[depth, rgb, self.resolve_topic_name(info)])

    def take(self, depth: Image, rgb: Image, info: CameraInfo) -> None:
        if (depth.width, depth.height) != (rgb.width, rgb.height):
            self.report(error="Depth resolution does not match RGB resolution")
            return
        metres = np.frombuffer(depth.data, "<f4").reshape(depth.height, depth.width).astype(float)
        v, u = np.mgrid[: depth.height, : depth.width]
        fx, fy, cx, cy = info.p[0], info.p[5], info.p[2], info.p[6]
        colors = np.frombuffer(rgb.data, np.uint8).reshape(rgb.height, rgb.width, 3).astype(np.uint32)
        if rgb.encoding == "bgr8":
            colors = colors[..., ::-1]
        points = np.zeros(metres.shape, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("pad", "<f4"), ("rgb", "<u4")])
        points["x"], points["y"], points["z"] = (u - cx) * metres / fx, (v - cy) * metres / fy, metres
        points["rgb"] = colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2]
        self._publisher.publish(
            PointCloud2(
                header=depth.header,
                height=depth.height,
                width=depth.width,
                fields=[
                    PointField(name=name, offset=offset, datatype=PointField.FLOAT32, count=1)
                    for name, offset in (("x", 0), ("y", 4), ("z", 8), ("rgb", 16))
                ],
                point_step=points.itemsize,
                row_step=points.itemsize * depth.width,
                data=points.tobytes(),
            )
        )


def point_cloud_xyzrgb_node() -> None:
    run(PointCloudXyzrgb)
