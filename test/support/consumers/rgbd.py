# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for RTAB-Map: rgbd_odometry.cpp, CommonDataSubscriberDepth.cpp, MsgConversion.cpp."""

from __future__ import annotations

import numpy as np
from consumer import Consumer, ExactSync, run, with_reliability
from sensor_msgs.msg import CameraInfo, Image

RGB_ENCODINGS = {"mono8", "mono16", "rgb8", "bgr8", "rgba8", "bgra8", "bayer_grbg8", "bayer_rggb8"}
DEPTH_TYPES = {"32FC1": ("<f4", 1.0), "16UC1": ("<u2", 0.001), "mono16": ("<u2", 0.001)}
COMMON = {
    "frame_id": "base_link",
    "odom_frame_id": "",
    "approx_sync": True,
    "topic_queue_size": 10,
    "sync_queue_size": 10,
    "qos_camera_info": 0,
}
ODOMETRY = COMMON | {"qos": 0}
MAPPING = COMMON | {
    "database_path": "",
    "subscribe_depth": False,
    "subscribe_rgb": False,
    "subscribe_odom_info": False,
    "qos_image": 0,
    "qos_odom": 0,
}


class Rgbd(Consumer):
    """Takes rgb, depth and camera_info of one stamp."""

    def __init__(self, name: str, parameters: dict) -> None:
        super().__init__(name, parameters)
        images = self.settings["qos_image" if "qos_image" in parameters else "qos"]
        depth = self.settings["topic_queue_size"]
        if self.settings["approx_sync"]:
            raise SystemExit("this stand-in knows exact sync only")
        sync = ExactSync(3, self.settings["sync_queue_size"], self.take)
        # As RTAB-Map does, since image_transport does not: resolved before they are subscribed to.
        for index, (kind, topic, reliability) in enumerate(
            ((Image, "rgb/image", images), (Image, "depth/image", images), (CameraInfo, "rgb/camera_info", None))
        ):
            number = self.settings["qos_camera_info"] if reliability is None else reliability
            resolved = self.resolve_topic_name(topic)
            self.create_subscription(kind, resolved, sync.slot(index), with_reliability(number, depth))

    def take(self, rgb: Image, depth: Image, info: CameraInfo) -> None:
        if rgb.encoding not in RGB_ENCODINGS or depth.encoding not in DEPTH_TYPES:
            self.report(error=f"encodings {rgb.encoding}, {depth.encoding}")
            return
        if (
            rgb.width % depth.width
            or rgb.height % depth.height
            or rgb.width // depth.width != rgb.height // depth.height
        ):
            self.report(error=f"sizes {rgb.width}x{rgb.height}, {depth.width}x{depth.height}")
            return
        kind, unit = DEPTH_TYPES[depth.encoding]
        metres = np.frombuffer(depth.data, kind) * unit
        self.report(
            stamp=[depth.header.stamp.sec, depth.header.stamp.nanosec],
            frame=rgb.header.frame_id,
            size=[depth.width, depth.height],
            camera=[info.width, info.height, info.p[0], info.p[2]],
            valid=int(np.count_nonzero(np.isfinite(metres) & (metres > 0))),
            mean=float(np.nanmean(metres)),
        )


def rgbd_odometry() -> None:
    run(lambda: Rgbd("rgbd_odometry", ODOMETRY))


def rtabmap() -> None:
    run(lambda: Rgbd("rtabmap", MAPPING))


def rtabmap_viz() -> None:
    run(lambda: Rgbd("rtabmap_viz", {key: value for key, value in MAPPING.items() if key != "database_path"}))
