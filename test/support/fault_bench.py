# SPDX-License-Identifier: Apache-2.0
"""The node with the faulty engine, its two cameras, and this process as their driver and as a subscriber."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import faulty_node
from joint_perception.msg import PerceptionStats
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from ros_graph import (
    FRAME_ID,
    IMAGE_TOPIC,
    INFO_TOPIC,
    Graph,
    NodeProcess,
    camera_info,
    image_message,
    now,
    picture,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HEIGHT, WIDTH = 64, 96
PACKED = "/packed/image"
NODE = "/joint_perception"


class Bench:
    """A running node.

    Args:
        weights: A checkpoint for it.
        folder: For its log.
        arguments: Further ones of its command line.
        parameters: Further ones of its own.

    Attributes:
        node: Its process.
        graph: Publishes to its camera `front` and hears that one's outputs; `packed_stats` are the other one's.
    """

    def __init__(self, weights: Path, folder: Path, arguments: tuple = (), **parameters: Any) -> None:
        given = {
            "weights": str(weights),
            "device": "cpu",
            "runtime": "torch",
            "network.width": WIDTH,  # to be loaded, and warmed up, quickly
            "network.height": HEIGHT,
            "cameras": ["front", "packed"],
            "front.image_topic": IMAGE_TOPIC,
            "front.camera_info_topic": INFO_TOPIC,
            "packed.image_topic": PACKED,
            "packed.image_transport": "compressed",
            "packed.pairing.mode": "latest",
            "pairing.queue_size": 3,
            "depth.focal_correction": "off",
            **{name.replace("__", "."): value for name, value in parameters.items()},
        }
        self.node = NodeProcess(given, folder / "node.log", arguments, Path(faulty_node.__file__))
        self.graph = Graph(f"{NODE}/front")
        self.graph.subscribe("label", "depth", "points", "stats")
        self.graph.node_name = NODE  # for its services
        self.packed_stats: list = []
        self.packed_labels: list = []
        subscribe = self.graph.node.create_subscription
        subscribe(PerceptionStats, f"{NODE}/packed/stats", self.packed_stats.append, 10)
        subscribe(Image, f"{NODE}/packed/label", self.packed_labels.append, 10)
        self._packed = self.graph.node.create_publisher(CompressedImage, f"{PACKED}/compressed", QoSProfile(depth=5))
        self._packed_info = self.graph.node.create_publisher(
            CameraInfo, PACKED.replace("image", "camera_info"), QoSProfile(depth=5)
        )
        self._release = folder / "release"
        self._jpeg = cv2.imencode(".jpg", picture(HEIGHT, WIDTH))[1].tobytes()

    def begin(self) -> None:
        """Wait until the node hears us, and forget what came."""
        self.graph.wait_for_camera_match(self.node)
        for output, messages in self.graph.received.items():
            del messages[: -1 if output == "stats" else None]  # the newest counts hold on
        self.graph.arrival.clear()
        del self.packed_stats[:-1]
        self.packed_labels.clear()

    # --- frames --------------------------------------------------------------------------------------

    def frame(self, seed: int = 0, fault: int | None = None) -> tuple[Any, Any]:
        """A good image and its camera_info, of now; with a fault, one that the engine fails on."""
        pixels = picture(HEIGHT, WIDTH, seed)
        if fault is not None:
            pixels = faulty_node.ask_for(pixels, fault)
        stamp = now()
        return image_message(pixels, stamp=stamp), camera_info(WIDTH, HEIGHT, stamp)

    def good(self) -> dict:
        """A good frame goes in until it comes out."""
        return self.graph.exchange(*self.frame(), ("label", "points"), self.node)

    def send_packed(self, data: bytes, form: str = "jpeg") -> None:
        """Publish a compressed image, and its camera's camera_info."""
        stamp = now()
        self._packed_info.publish(camera_info(WIDTH, HEIGHT, stamp))
        header = Header(stamp=stamp, frame_id=FRAME_ID)
        self._packed.publish(CompressedImage(header=header, format=form, data=data))

    # --- counts --------------------------------------------------------------------------------------

    def drops(self, *, packed: bool = False) -> dict[str, int]:
        """The newest count of dropped frames by cause."""
        stats = self.packed_stats if packed else self.graph.received["stats"]
        return dict(zip(stats[-1].drop_causes, stats[-1].drop_counts, strict=True)) if stats else {}

    def provoke(self, send: Callable[[], None], cause: str, *, packed: bool = False) -> None:
        """Send until one more frame is counted under the cause."""
        stats = self.packed_stats if packed else self.graph.received["stats"]
        self.graph.wait(lambda: bool(stats), "statistics", node=self.node)
        before = self.drops(packed=packed).get(cause, 0)

        def counted() -> bool:
            send()
            self.graph.spin(0.05)
            # Counts come with each frame that comes out, else once a second.
            if packed:
                self.send_packed(self._jpeg)
            else:
                self.graph.send(*self.frame())
            self.graph.spin(0.05)
            return self.drops(packed=packed).get(cause, 0) > before

        self.graph.wait(counted, f"{cause} to be counted", node=self.node)

    # --- the node ------------------------------------------------------------------------------------

    def set(self, name: str, value: Any) -> tuple[bool, str]:
        """Set a parameter; whether it was taken, and why not."""
        message = Parameter(name, value=value).to_parameter_msg()
        answer = self.graph.call(SetParameters, "set_parameters", SetParameters.Request(parameters=[message]))
        return answer.results[0].successful, answer.results[0].reason

    def hang(self, *, on: bool) -> None:
        """Let a picture that asks for it hang the engine, or let go whatever hangs."""
        if on:
            self._release.unlink(missing_ok=True)
        else:
            self._release.touch()

    def said(self, text: str, since: int = 0) -> None:
        """Wait until the node's log has a text."""
        self.graph.wait(lambda: text in self.node.log[since:], f"{text!r} in the log", node=self.node)
