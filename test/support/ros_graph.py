# SPDX-License-Identifier: Apache-2.0
"""A real node in a process of its own, and this process as its camera and its subscriber, over real DDS."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import rclpy
from ament_index_python.packages import get_package_prefix
from builtin_interfaces.msg import Time
from joint_perception.msg import ClassMap, PerceptionStats
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from joint_perception.ros.messages import to_bytes

NODE = "/joint_perception"
IMAGE_TOPIC = "/camera/image_rect_color"
INFO_TOPIC = "/camera/camera_info"
FRAME_ID = "camera_optical_frame"
OUTPUTS = {
    "label": Image,
    "label_color": Image,
    "overlay": Image,
    "depth": Image,
    "points": PointCloud2,
    "camera_info": CameraInfo,
    "classes": ClassMap,
    "stats": PerceptionStats,
}
START_S = 90.0  # torch and the network, on a computer that has much else to do
WAIT_S = 30.0
ANSWER_S = 60.0  # a configure that loads weights; less than a test may take, so that it can say what it waited for


class NodeProcess:
    """The installed perception node, started as `ros2 run` would."""

    def __init__(self, parameters: dict, log: Path, arguments: tuple = (), executable: Path | None = None) -> None:
        if executable is None:
            executable = Path(get_package_prefix("joint_perception")) / "lib" / "joint_perception" / "perception_node"
        command = [sys.executable, str(executable), "--ros-args"]
        # The check is one more process for each node: the tests that are not about it go without.
        for name, value in {"transport.check": False, **parameters}.items():
            command += ["-p", f"{name}:={json.dumps(value)}"]
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*command, *arguments], stdout=file, stderr=subprocess.STDOUT, cwd=log.parent
            )

    @property
    def log(self) -> str:
        """What the node said so far."""
        return self._log.read_text(errors="replace")

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Graph:
    """This process's node: publishes as a camera does, keeps every message it gets."""

    def __init__(self, node_name: str = NODE) -> None:
        self.context = rclpy.Context()
        self.context.init()
        self.node = rclpy.create_node("tester", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.node_name = node_name
        self.received: dict[str, list] = defaultdict(list)
        self.arrival: dict[str, list[float]] = defaultdict(list)
        self._subscriptions: dict[str, object] = {}
        self._clients: dict[tuple[str, str], object] = {}
        qos = QoSProfile(depth=5)  # reliable, as most camera drivers are
        self._images = self.node.create_publisher(Image, IMAGE_TOPIC, qos)
        self._infos = self.node.create_publisher(CameraInfo, INFO_TOPIC, qos)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    # --- subscribing ---------------------------------------------------------------------------------

    def subscribe(self, *outputs: str, reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> None:
        """Subscribe to outputs of the node by their short names."""
        for output in outputs:
            latched = output == "classes"
            qos = QoSProfile(
                depth=10,
                reliability=reliability,
                durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
            )

            def keep(message, output=output) -> None:
                self.received[output].append(message)
                self.arrival[output].append(time.time())

            self._subscriptions[output] = self.node.create_subscription(
                OUTPUTS[output], f"{self.node_name}/{output}", keep, qos
            )

    def unsubscribe(self, output: str) -> None:
        self.node.destroy_subscription(self._subscriptions.pop(output))

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left, 0.05))

    def wait(self, condition, what: str, seconds: float = WAIT_S, node: NodeProcess | None = None) -> None:
        """Spin until the condition holds; fail, saying what was waited for and what the node said."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s for {what}\n{node.log if node else ''}")
            self._executor.spin_once(timeout_sec=0.05)

    # --- the camera ----------------------------------------------------------------------------------

    def wait_for_camera_match(self, node: NodeProcess | None = None) -> None:
        """Wait until the node's two subscriptions hear us."""
        self.wait(
            lambda: self._images.get_subscription_count() and self._infos.get_subscription_count(),
            "the node to subscribe",
            START_S,
            node,
        )
        self.spin(0.2)

    def send(self, image: Image, info: CameraInfo | None) -> None:
        """Publish a frame; without info, the image alone."""
        self._images.publish(image)
        if info is not None:
            self._infos.publish(info)

    def exchange(self, image: Image, info: CameraInfo, outputs: tuple[str, ...], node: NodeProcess) -> dict:
        """Send a frame, again and again with new stamps, until each output of one of them has come.

        Returns:
            Output to message, all of one stamp.
        """
        for _ in range(20):
            image.header.stamp = info.header.stamp = now()
            self.send(image, info)
            stamp = image.header.stamp

            def complete(stamp=stamp) -> bool:
                return all(any(m.header.stamp == stamp for m in self.received[o]) for o in outputs)

            try:
                self.wait(complete, f"{outputs} of one frame", 3.0, node)
            except AssertionError:
                continue
            return {o: next(m for m in self.received[o] if m.header.stamp == stamp) for o in outputs}
        raise AssertionError(f"no frame came through with {outputs}\n{node.log}")

    # --- lifecycle -----------------------------------------------------------------------------------

    def change_state(self, transition: str) -> bool:
        """Ask for a transition; whether it was made."""
        request = ChangeState.Request()
        request.transition.label = transition
        before = self.state()  # the two know each other after it
        try:
            return bool(self._call(ChangeState, "change_state", request, ANSWER_S).success)
        except AssertionError:
            if before != self.state():
                return True  # the answer was lost, as one can be before both sides know each other
            raise

    def state(self) -> str:
        return str(self.call(GetState, "get_state", GetState.Request()).current_state.label)

    def _call(self, kind, name: str, request, patience: float = START_S):
        # Kept: the other side learns of a new client later than this side of the service, and may answer too early.
        client = self._clients.get((self.node_name, name))
        if client is None:
            client = self._clients[self.node_name, name] = self.node.create_client(kind, f"{self.node_name}/{name}")
            self.wait(client.service_is_ready, f"service {name}", START_S)
            self.spin(0.1)
        future = client.call_async(request)
        self.wait(future.done, f"an answer of {name}", patience)
        return future.result()

    def call(self, kind, name: str, request):
        """Call a service that may be asked twice: an answer can be lost before both sides know each other."""
        with contextlib.suppress(AssertionError):
            return self._call(kind, name, request, 15.0)
        return self._call(kind, name, request)

    def set_parameters(self, values: dict) -> None:
        """Set parameters of the node."""
        given = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        for result in self._call(SetParameters, "set_parameters", SetParameters.Request(parameters=given)).results:
            assert result.successful, result.reason


def now() -> Time:
    nanoseconds = time.time_ns()
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Blocks of colour with noise, (height, width, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3))
    image = np.kron(blocks, np.ones((8, 8, 1)))[:height, :width]
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def image_message(pixels: np.ndarray, encoding: str = "rgb8", stamp: Time | None = None) -> Image:
    """An image message with tight rows."""
    height, width = pixels.shape[:2]
    return Image(
        header=Header(stamp=stamp or now(), frame_id=FRAME_ID),
        height=height,
        width=width,
        encoding=encoding,
        step=pixels[0].nbytes,
        data=to_bytes(pixels),
    )


def camera_info(width: int, height: int, stamp: Time | None = None, fx: float = 100.0) -> CameraInfo:
    """A rectified camera with its principal point off the centre."""
    cx, cy = width / 2 + 1.25, height / 2 - 2.5
    return CameraInfo(
        header=Header(stamp=stamp or now(), frame_id=FRAME_ID),
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fx, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fx, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def array_of(message: Image) -> np.ndarray:
    """The pixels of an output image."""
    kind, channels = {"mono8": ("u1", 1), "rgb8": ("u1", 3), "32FC1": ("<f4", 1), "16UC1": ("<u2", 1)}[message.encoding]
    pixels = np.frombuffer(message.data, kind).reshape(message.height, message.width, channels)
    return pixels[..., 0] if channels == 1 else pixels


def points_of(message: PointCloud2) -> np.ndarray:
    """An output cloud as a structured array (height, width), by the message's own field table."""
    types = {7: "<f4", 6: "<u4"}
    dtype = np.dtype(
        {
            "names": [f.name for f in message.fields],
            "formats": [types[f.datatype] for f in message.fields],
            "offsets": [f.offset for f in message.fields],
            "itemsize": message.point_step,
        }
    )
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width)
