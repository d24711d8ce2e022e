# SPDX-License-Identifier: Apache-2.0
"""Camera, nodes and subscriber, each in a process of its own, over real DDS."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ament_index_python.packages import get_package_share_path

from joint_perception.benchmark.child import Child
from joint_perception.benchmark.errors import BenchmarkError
from joint_perception.benchmark.variants import PEER, Variant, peer_file
from joint_perception.benchmark.wire import ROOT
from joint_perception.ros.dds import VARIABLES, profile_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

START_S = 180.0  # to load weights and compile, on a slow and busy machine
_DISCOVERY_S = 0.3
_AFTERWARDS_S = 0.03  # for a node that does not say when it is done
TOPICS = {"label": "Image", "depth": "Image", "points": "PointCloud2"}
"""The results that a frame is waited for."""

# Of glibc, for our camera and our subscriber, as docs/troubleshooting.md advises: without, each big message is memory
# that comes fresh from the kernel, zeroed page by page. The node sees to that itself; the peer's side has none of it.
KEEP_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
}


@dataclass(frozen=True)
class Shot:
    """What one frame cost.

    Attributes:
        stamp: The camera's, in nanoseconds since 1970.
        latency_ms: From the stamp until the subscriber held all results.
        cpu_ms: CPU time of the node's process meanwhile.
        stages: Milliseconds by stage, as the node says; empty for the peer.
    """

    stamp: int
    latency_ms: float
    cpu_ms: float
    stages: Mapping[str, float]


class Rig:
    """Processes that send frames through nodes, one node at a time, all alive side by side.

    The peer has a camera and a subscriber of its own, without our DDS profile, as it would have on a robot.

    Args:
        variants: Whose nodes are started; `PEER` in place of a variant for the peer.
        pictures: Files of pictures by name, as `camera.CameraProcess` takes them.
        weights: Name or path.
        cameras: Names of the cameras of each node; an empty one: the only one.
        parameters: Further parameters of our nodes.
        topics: Topics to subscribe to, with their types.
    """

    def __init__(
        self,
        variants: Sequence[Variant | str],
        pictures: Mapping[str, Path],
        weights: str,
        cameras: Sequence[str] = ("",),
        parameters: Mapping[str, Any] | None = None,
        topics: Mapping[str, str] = TOPICS,
    ) -> None:
        self._variants = {v if isinstance(v, str) else v.name: v for v in variants}
        self._pictures, self._weights, self._cameras = pictures, weights, list(cameras)
        self._parameters, self._topics = dict(parameters or {}), topics
        self._children: list[Child] = []
        self._nodes: dict[str, Child] = {}
        self._sides: dict[bool, tuple[Child, Child]] = {}

    def __enter__(self) -> Self:
        """Start everything, and wait until all is connected.

        Raises:
            BenchmarkError: A process ended, or did not get ready.
        """
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        for child in reversed(self._children):
            child.end()
        self._children.clear()

    def shoot(self, name: str, picture: str, index: int, timeout: float = START_S) -> Shot | None:
        """Send a frame through a variant's node.

        Args:
            name: The variant's.
            picture: Name of the pictures.
            index: Which of them.
            timeout: Seconds to wait for the results.

        Returns:
            What it cost; None: the results did not come.

        Raises:
            BenchmarkError: A process ended.
        """
        camera, listener = self._sides[name == PEER]
        node = self._nodes[name]
        before = node.cpu_ms()
        camera.send({"publish": name, "picture": picture, "index": index})
        answer = camera.hear(START_S)
        stamp = answer["stamp"] if answer else 0
        arrived, stages, end = 0, None, time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0 and not (arrived and (stages is not None or name == PEER)):
            node.check()
            heard = listener.hear(min(left, 0.5))
            if heard is None or heard.get("stamp") != stamp:
                continue
            arrived = heard.get("arrived", arrived)
            stages = heard.get("stages", stages)
        if not arrived:
            return None
        if name == PEER:
            time.sleep(_AFTERWARDS_S)
        return Shot(stamp, (arrived - stamp) * 1e-6, node.cpu_ms() - before, stages or {})

    def stream(self, name: str, picture: str, period: float, count: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Send frames at a pace, whether they come out or not.

        Args:
            name: The variant's.
            picture: Name of the pictures.
            period: Seconds between frames.
            count: How many.

        Returns:
            The stamps sent; stamp and arrival of the results, in the order in which they came; in nanoseconds.
        """
        camera, listener = self._sides[name == PEER]
        camera.send({"stream": name, "picture": picture, "period": period, "count": count})
        came: list[tuple[int, int]] = []
        sent: list[int] | None = None
        quiet = 0.0
        while sent is None or quiet < 2.0:  # noqa: PLR2004 (the last results are on their way)
            start = time.monotonic()
            heard = listener.hear(0.1)
            if sent is None and not camera.heard.empty():
                sent = camera.heard.get()["stamps"]
            if heard and "arrived" in heard:
                came.append((heard["stamp"], heard["arrived"]))
                quiet = 0.0
            elif sent is not None:
                quiet += time.monotonic() - start
        return sent, came

    def keep(self, name: str, file: Path) -> None:
        """Save labels and depth of the next result of a variant's side."""
        self._ask(self._sides[name == PEER][1], {"keep": str(file)})

    def subscribe(self, name: str, topics: Mapping[str, str]) -> None:
        """Subscribe to these topics in place of those before.

        Raises:
            BenchmarkError: Nobody publishes one.
        """
        listener = self._sides[name == PEER][1]
        self._ask(listener, {"unsubscribe": name})
        node = "peer_node" if name == PEER else "joint_perception"
        base = f"{ROOT}/{name}/{node}"
        wanted = {"subscribe": name, "base": base, "cameras": self._cameras, "topics": dict(topics)}
        if not self._ask(listener, wanted)["matched"]:
            raise BenchmarkError(f"{base} does not publish {', '.join(topics)}:\n{self._nodes[name].words}")
        time.sleep(_DISCOVERY_S)  # the publishers' side finds the subscriber at its own pace

    def memory_mb(self, name: str) -> float:
        """Greatest resident memory of a variant's node."""
        return self._nodes[name].memory_mb()

    def words(self, name: str) -> str:
        """What a variant's node said last."""
        return self._nodes[name].words

    def _start(self) -> None:
        for is_peer in (False, True):
            names = [name for name in self._variants if (name == PEER) == is_peer]
            if not names:
                continue
            environment = peer_environment() if is_peer else our_environment()
            others = environment if is_peer else environment | KEEP_MEMORY
            files = {name: str(file) for name, file in self._pictures.items()}
            given = {"targets": dict.fromkeys(names, self._cameras), "pictures": files}
            camera = self._module("camera", others, json.dumps(given))
            self._sides[is_peer] = (camera, self._module("listener", others))
            for name in names:
                self._nodes[name] = self._child(f"node of variant {name}", self._command(name), environment)
        for camera, listener in self._sides.values():
            for child in (camera, listener):
                if child.hear(START_S) is None:
                    raise BenchmarkError(f"a process of the benchmark did not start:\n{child.words}")
        for name, node in self._nodes.items():
            self._wait_active(name, node)
            self.subscribe(name, self._topics)

    def _wait_active(self, name: str, node: Child) -> None:
        camera, end = self._sides[name == PEER][0], time.monotonic() + START_S
        while True:
            camera.send({"matched": name})
            answer = camera.hear(START_S)
            if answer and answer["matched"]:
                return
            node.check()
            if time.monotonic() > end:
                raise BenchmarkError(f"the node of variant {name} did not become active:\n{node.words}")
            time.sleep(0.1)

    def _command(self, name: str) -> list[str]:
        variant = self._variants[name]
        ros = ["--ros-args", "-r", f"__ns:={ROOT}/{name}"]
        if isinstance(variant, str):
            cameras = ["--cameras", ",".join(self._cameras)]
            return [sys.executable, str(peer_file()), "--weights", self._weights, *cameras, *ros]
        parameters = {
            "depth.focal_correction": "off",  # the peer has none
            "image_topic": "image",
            "runtime": variant.runtime,
            "precision": variant.precision,
            **self._parameters,
        }
        if self._cameras != [""]:
            parameters |= {"cameras": self._cameras, "sync.mode": "approximate"}
        for parameter, value in parameters.items():
            ros += ["-p", f"{parameter}:={json.dumps(value)}"]
        run = ["run", "--config", "demo", "--weights", self._weights, "--domain", ""]
        return [sys.executable, "-m", "joint_perception.cli", *run, *ros]

    def _module(self, name: str, environment: Mapping[str, str], *arguments: str) -> Child:
        command = [sys.executable, "-m", f"joint_perception.benchmark.{name}", *arguments]
        return self._child(f"benchmark's {name}", command, environment)

    def _child(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        child = Child(name, command, environment)
        self._children.append(child)
        return child

    def _ask(self, child: Child, command: dict[str, Any]) -> dict[str, Any]:
        child.send(command)
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            heard = child.hear(START_S)
            if heard and "answer" in heard:
                answer: dict[str, Any] = heard["answer"]
                return answer
        raise BenchmarkError(f"a process of the benchmark does not answer:\n{child.words}")


def our_environment() -> dict[str, str]:
    """Of our node, its camera and its subscriber: with the DDS profile that our launch files name."""
    environment = peer_environment()
    return environment | profile_environment(get_package_share_path("joint_perception"), environment)


def peer_environment() -> dict[str, str]:
    """Of the peer, its camera and its subscriber: the middleware as it comes. A ROS domain of this process's own."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return environment | {"ROS_DOMAIN_ID": str(1 + os.getpid() % 101), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
