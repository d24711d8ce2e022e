# SPDX-License-Identifier: Apache-2.0
"""Several cameras, and all that is said of them, as seen from the process of a test."""

from __future__ import annotations

import cv2
import numpy as np
import ros_graph
from diagnostic_msgs.msg import DiagnosticArray
from joint_perception.msg import ClassMap, PerceptionStats
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
KINDS = {
    "points": PointCloud2,
    "obstacles": PointCloud2,
    "camera_info": CameraInfo,
    "stats": PerceptionStats,
    "classes": ClassMap,
}


class CameraRig:
    """Publishes as several cameras do, and hears each one's outputs.

    Args:
        graph: This process's node.
        cameras: Name to message type and topic of the images.
        latched: Names of those that publish their camera_info but once.
    """

    def __init__(self, graph, cameras, latched=()):
        self.graph = graph
        self.publishers = {
            name: (
                graph.node.create_publisher(kind, f"/{name}/{topic}", 5),
                graph.node.create_publisher(CameraInfo, f"/{name}/camera_info", LATCHED if name in latched else 5),
            )
            for name, (kind, topic) in cameras.items()
        }
        self.received = {}
        self.diagnostics = []
        graph.node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 10)

    def hear(self, name, *outputs):
        """Subscribe to outputs of a camera."""
        for output in outputs:
            if (name, output) in self.received:
                continue
            kept = self.received.setdefault((name, output), [])
            qos = LATCHED if output == "classes" else 10
            topic = f"{self.graph.node_name}/{name}/{output}"
            self.graph.node.create_subscription(KINDS.get(output, Image), topic, kept.append, qos)

    def matched(self, node):
        """Wait until the node hears every camera."""

        def everybody():
            return all(p.get_subscription_count() for pair in self.publishers.values() for p in pair)

        self.graph.wait(everybody, "the node to hear every camera", ros_graph.START_S, node)
        self.graph.spin(0.3)

    def send(self, frames, stamp=None):
        """Publish {camera: (image, info)} with one stamp, which is returned; without info, the image alone."""
        stamp = stamp or ros_graph.now()
        for name, (image, info) in frames.items():
            image.header.stamp = stamp
            if info is not None:
                info.header.stamp = stamp
                self.publishers[name][1].publish(info)
            self.publishers[name][0].publish(image)
        return stamp

    def exchange(self, node, frames, wanted):
        """Send frames until each wanted (camera, output) came with the stamp they were sent with."""
        for _ in range(20):
            for key in wanted:
                self.received[key].clear()
            stamp = self.send(frames)

            def find(key, stamp=stamp):
                return next((m for m in self.received[key] if m.header.stamp == stamp), None)

            try:
                self.graph.wait(lambda: all(find(key) for key in wanted), f"{wanted}", 3.0, node)
            except AssertionError:
                continue
            return {key: find(key) for key in wanted}
        raise AssertionError(f"{wanted} never came of one stamp\n{node.log}")

    def set(self, name, value):
        """Set a parameter of the node; whether it was taken, and why not."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = self.graph.call(SetParameters, "set_parameters", request).results[0]
        return result.successful, result.reason

    def status(self, of):
        """The newest status of `engine` or of `camera NAME`; None before there is one."""
        name = f"{self.graph.node_name.lstrip('/')}: {of}"
        statuses = [s for array in self.diagnostics[-3:] for s in array.status if s.name == name]
        return statuses[-1] if statuses else None


def level_of(status):
    """0 fine, 1 warning, 2 error; None where there is no status."""
    return None if status is None else status.level[0]


def values_of(status):
    """The key-value pairs of a status."""
    return {pair.key: pair.value for pair in status.values}


def compressed_message(pixels, extension=".png"):
    """An RGB picture as image_transport compresses it."""
    data = cv2.imencode(extension, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    message = CompressedImage(format=f"rgb8; {extension[1:]} compressed bgr8", data=data)
    message.header.frame_id = ros_graph.FRAME_ID
    return message


def distorted_info(width, height):
    """The camera_info of a lens that bends."""
    info = ros_graph.camera_info(width, height, fx=80.0)
    info.d = [-0.3, 0.1, 0.001, -0.002, 0.0]
    return info


def normals_of(message):
    """The vectors of a 32FC3 image: (H, W, 3) float32."""
    assert message.encoding == "32FC3"
    assert message.step == 12 * message.width
    return np.frombuffer(message.data, "<f4").reshape(message.height, message.width, 3)
