# SPDX-License-Identifier: Apache-2.0
"""How this network is usually run in a ROS 2 node: the baseline of `joint_perception benchmark`.

Eager fp32 PyTorch with the layers as they were published (5x5 max-pooling, batch normalisation apart), NumPy
pre-processing, logits resized by OpenCV's bicubic interpolation, NumPy argmax, a structured-array cloud,
reliable QoS, no DDS profile. Each step as the authors' notebook, cv_bridge and sensor_msgs_py do it, the fast ways
of these included: what is slow here is slow in them.
"""

from __future__ import annotations

import array
import functools
import sys
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import rclpy
import torch
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from torch.nn import functional

from joint_perception.network import load_network, resolve_weights
from joint_perception.network.model import ChainedResidualPooling
from joint_perception.ros.shutdown import shut_down

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from std_msgs.msg import Header

# As in the authors' notebook: img / 255, then these.
MEAN = np.array([0.485, 0.456, 0.406]).reshape((1, 1, 3))
STD = np.array([0.229, 0.224, 0.225]).reshape((1, 1, 3))
QUEUE = 10  # reliable, volatile, keep last: what create_subscription(..., 10) gives
POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])


class PublishedPooling(ChainedResidualPooling):
    """The chained residual pooling with its 5x5 windows in one piece, as published."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 256, H, W) to the same shape."""
        top = x
        for project in self.children():
            top = project(functional.max_pool2d(top, 5, stride=1, padding=2))
            x = top + x
        return x


def published_network(weights: str) -> torch.nn.Module:
    """The network as published, on the CPU or the first CUDA device, in evaluation mode.

    Args:
        weights: Name or path.
    """
    network = load_network(resolve_weights(weights).path)
    for module in network.modules():
        if isinstance(module, ChainedResidualPooling):
            module.__class__ = PublishedPooling  # the same parameters, the published forward()
    return network.eval().to(device())


def device() -> torch.device:
    """Where peers run: on the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def predict(
    network: torch.nn.Module, image: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Labels and depth of an image.

    Args:
        network: As published.
        image: (H, W, 3) RGB.

    Returns:
        (H, W) uint8 class ids and (H, W) float32 metres.
    """
    height, width = image.shape[:2]
    normalised = (image / 255 - MEAN) / STD
    with torch.no_grad():
        batch = torch.tensor(normalised.transpose(2, 0, 1)[None]).float().to(device())
        outputs = network(batch)
        logits = outputs.segm[0].cpu().numpy().transpose(1, 2, 0)
        distance = outputs.depth[0, 0].cpu().numpy()
    labels = cv2.resize(logits, (width, height), interpolation=cv2.INTER_CUBIC).argmax(axis=2).astype(np.uint8)
    depth = np.abs(cv2.resize(distance, (width, height), interpolation=cv2.INTER_CUBIC))
    return labels, depth


def image_message(header: Header, pixels: npt.NDArray[Any], encoding: str) -> Image:
    """As cv_bridge's cv2_to_imgmsg."""
    message = Image(header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    message.is_bigendian, message.step = 0, pixels.strides[0]
    message.data.frombytes(pixels.tobytes())
    return message


def cloud_message(
    header: Header, image: npt.NDArray[np.uint8], depth: npt.NDArray[np.float32], k: Sequence[float]
) -> PointCloud2:
    """An organised cloud of a structured array; to bytes as sensor_msgs_py.point_cloud2.create_cloud does."""
    height, width = depth.shape
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    points = np.zeros((height, width), POINT)
    points["x"] = (u - k[2]) * depth / k[0]
    points["y"] = (v - k[5]) * depth / k[4]
    points["z"] = depth
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    points["rgb"] = (red << 16) | (green << 8) | blue
    data = array.array("B")
    data.frombytes(memoryview(points).cast("B"))
    fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, name in enumerate(POINT.names)
    ]
    return PointCloud2(
        header=header,
        height=height,
        width=width,
        fields=fields,
        point_step=POINT.itemsize,
        row_step=POINT.itemsize * width,
        data=data,
        is_dense=False,
    )


class PeerNode(Node):
    """Labels, depth and points of each image, computed in the callback.

    Args:
        weights: Name or path.
        cameras: Their names; an empty one: the only one. Their topics lie in the node's namespace below the name.
    """

    def __init__(self, weights: str, cameras: Sequence[str]) -> None:
        super().__init__("peer_node")
        self._network = published_network(weights)
        predict(self._network, np.zeros((480, 640, 3), np.uint8))
        self._infos: dict[str, CameraInfo] = {}
        self._outputs: dict[str, tuple[Any, Any, Any]] = {}
        for camera in cameras:
            prefix = f"{camera}/" if camera else ""
            self._outputs[camera] = (
                self.create_publisher(Image, f"~/{prefix}label", QUEUE),
                self.create_publisher(Image, f"~/{prefix}depth", QUEUE),
                self.create_publisher(PointCloud2, f"~/{prefix}points", QUEUE),
            )
            info, image = functools.partial(self._on_info, camera), functools.partial(self._on_image, camera)
            self.create_subscription(CameraInfo, f"{prefix}camera_info", info, QUEUE)
            self.create_subscription(Image, f"{prefix}image", image, QUEUE)

    def _on_info(self, camera: str, info: CameraInfo) -> None:
        self._infos[camera] = info

    def _on_image(self, camera: str, message: Image) -> None:
        info = self._infos.get(camera)
        if info is None:
            return
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        labels, depth = predict(self._network, image)
        label_publisher, depth_publisher, points_publisher = self._outputs[camera]
        label_publisher.publish(image_message(message.header, labels, "mono8"))
        depth_publisher.publish(image_message(message.header, depth, "32FC1"))
        points_publisher.publish(cloud_message(message.header, image, depth, info.k))


def main() -> int:
    """Run the node until it is interrupted."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="demo", help="named weights or checkpoint file")
    parser.add_argument("--cameras", default="", help="names of cameras, such as front,left (default: one, unnamed)")
    options, ros = parser.parse_known_args()
    rclpy.init(args=[sys.argv[0], *ros])
    node = None
    try:
        node = PeerNode(options.weights, options.cameras.split(","))
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        if node is not None:
            node.destroy_node()
        shut_down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
