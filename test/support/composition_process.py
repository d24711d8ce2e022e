# SPDX-License-Identifier: Apache-2.0
"""A real `ros2 launch` of one of our launch files, with a camera for it, and what its consumers write down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import ros_graph
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

LAUNCH = Path(__file__).parents[2] / "launch"
HEIGHT, WIDTH = 120, 160
FX = 100.0


class Launch:
    """A running `ros2 launch` of a launch file.

    Args:
        name: Of the launch file, before `.launch.py`.
        arguments: For it.
        folder: Where it runs, and says what it says.
        environment: Its environment.
        namespace: Of the perception node.
    """

    def __init__(self, name, arguments, folder, environment, namespace=""):
        self._log = folder / "launch.log"
        with self._log.open("wb") as file:
            self.process = subprocess.Popen(
                ["ros2", "launch", str(LAUNCH / f"{name}.launch.py"), *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        self.graph = ros_graph.Graph(f"{namespace}{ros_graph.NODE}")

    @property
    def log(self):
        return self._log.read_text(errors="replace")

    def subscribe(self, kind, topic, qos=10):
        """Messages of a topic, as they come."""
        received = []
        self.graph.node.create_subscription(kind, topic, received.append, qos)
        return received

    def until(self, done, send, seconds=60.0):
        """Send again and again, until done."""
        end = time.monotonic() + seconds
        while not done():
            said = self.log
            assert time.monotonic() < end, said
            assert self.process.poll() is None, said
            assert "process has died" not in said, said
            assert "cannot configure" not in said, said
            send()
            self.graph.spin(0.3)

    def end(self):
        """As Ctrl-C does; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    def close(self):
        self.graph.close()
        try:
            self.end()
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


class Composition(Launch):
    """One with a camera that shows it pictures, best effort as many drivers do, and consumers that write reports."""

    def __init__(self, name, arguments, folder, environment, namespace="", camera=ros_graph.IMAGE_TOPIC):
        super().__init__(name, arguments, folder, environment, namespace)
        self._reports = folder
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        node, info = self.graph.node, f"{camera.rpartition('/')[0]}/camera_info"
        self._publishers = node.create_publisher(Image, camera, qos), node.create_publisher(CameraInfo, info, qos)

    def reports(self, consumer, key):
        """What the consumer wrote down so far with that key."""
        file = self._reports / f"{consumer}.jsonl"
        # A line that is being written has no end yet.
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [report for report in map(json.loads, lines) if key in report]

    def show(self, pixels, done, seconds=60.0):
        """Show a picture again and again, with new stamps, until done."""
        image, info = ros_graph.image_message(pixels), ros_graph.camera_info(WIDTH, HEIGHT, fx=FX)

        def send():
            assert not self.errors(), f"{self.errors()}\n{self.log}"
            image.header.stamp = info.header.stamp = ros_graph.now()
            for publisher, message in zip(self._publishers, (image, info), strict=True):
                publisher.publish(message)

        self.until(done, send, seconds)

    def errors(self):
        return [
            report["error"] for file in self._reports.glob("*.jsonl") for report in self.reports(file.stem, "error")
        ]
