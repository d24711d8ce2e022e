# SPDX-License-Identifier: Apache-2.0
"""Whether a message as big as ours reaches another process at all: measured, and told with the remedy."""

from __future__ import annotations

import array
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ament_index_python.packages import get_package_share_path
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import PointCloud2

from joint_perception.ros.dds import VARIABLES, middleware_of, profile_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rclpy.node import Node

MESSAGES = 5
_PERIOD_S = 0.1  # ten clouds a second, as a robot has
_WAIT_S = 1.0  # for the last one
_START_S = 20.0  # for the other process, on a busy machine
_TOPIC = "~/transport_check"
_PROBE = "joint_perception.ros.transport_probe"


@dataclass(frozen=True)
class Arrival:
    """What became of the messages.

    Attributes:
        size: Bytes of each.
        milliseconds: From publish() to each arrival, by the reliability of the subscriber.
    """

    size: int
    milliseconds: Mapping[str, Sequence[float]]

    @property
    def lossy(self) -> list[str]:
        """The reliabilities at which not all messages arrived."""
        return [name for name, came in self.milliseconds.items() if len(came) < MESSAGES]

    def describe(self) -> str:
        """In words."""
        told = []
        for name, came in self.milliseconds.items():
            after = f" after {sorted(came)[len(came) // 2]:.0f} ms" if came else ""
            told.append(f"{name.lower().replace('_', ' ')}: {len(came)}{after}")
        sent = f"{MESSAGES} clouds of {self.size / 1e6:.1f} MB to another process of this machine"
        return f"of {sent} arrived, by the subscriber's QoS, {'; '.join(told)}"


class TransportCheck:
    """Measures in the background, once for each size greater than those before.

    Args:
        node: Publishes the messages, as its clouds.
        profile: QoS of its clouds.
    """

    def __init__(self, node: Node, profile: Any) -> None:
        self._node, self._profile = node, profile
        self._largest = 0  # bytes
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def look(self, size: int) -> None:
        """Begin to measure, unless that is done or going on; returns at once.

        Args:
            size: Bytes of a cloud.
        """
        if size <= self._largest or self._stop.is_set() or (self._thread and self._thread.is_alive()):
            return
        self._largest = size
        self._thread = threading.Thread(target=self._measure, args=(size,), name="transport_check", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave off."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _measure(self, size: int) -> None:
        try:
            arrival = measure(self._node, self._profile, size, self._stop)
        except Exception as error:  # noqa: BLE001 (a check must not stop what it checks)
            if not self._stop.is_set() and self._node.context.ok():
                self._node.get_logger().warning(f"transport.check could not measure: {type(error).__name__}: {error}")
            return
        if arrival is None:
            return
        if arrival.lossy:
            share = get_package_share_path("joint_perception")
            self._node.get_logger().warning(f"transport: {arrival.describe()}; {remedy(share, os.environ)}")
        else:
            self._node.get_logger().info(f"transport: {arrival.describe()}")


def measure(node: Node, profile: Any, size: int, stop: threading.Event) -> Arrival | None:
    """Send messages to a process that is started for it.

    Args:
        node: Publishes them on `~/transport_check`.
        profile: QoS to publish with. A reliable publisher is heard by a subscriber of each kind, a best-effort one by
            a best-effort one.
        size: Bytes of a message.
        stop: Ends it early when set.

    Returns:
        What arrived; None: it was stopped.

    Raises:
        RuntimeError: The process did not come up.
    """
    best_effort = profile.reliability == ReliabilityPolicy.BEST_EFFORT
    reliabilities = ["BEST_EFFORT"] if best_effort else ["RELIABLE", "BEST_EFFORT"]
    publisher = node.create_publisher(PointCloud2, _TOPIC, profile)
    # Not from here: -m puts the working directory first on the path, and a source tree would hide the package.
    probe = subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-m", _PROBE, publisher.topic_name, str(profile.depth), *reliabilities],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tempfile.gettempdir(),
        start_new_session=True,  # Ctrl-C in a terminal is ours to pass on
    )
    came: dict[str, list[float]] = defaultdict(list)

    def read() -> None:
        for line in probe.stdout or ():
            name, seconds = line.split()
            came[name].append(float(seconds))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        end = time.monotonic() + _START_S
        while publisher.get_subscription_count() < len(reliabilities):
            if stop.wait(0.05):
                return None
            if probe.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the process that listens did not come up within {_START_S:g} s")
        return _send(publisher, size, reliabilities, came, stop)
    finally:
        probe.terminate()
        probe.wait()
        reader.join()
        node.destroy_publisher(publisher)


def _send(
    publisher: Any, size: int, reliabilities: Sequence[str], came: Mapping[str, list[float]], stop: threading.Event
) -> Arrival | None:
    message = PointCloud2(height=1, width=size, point_step=1, row_step=size, data=array.array("B", bytes(size)))
    sent = []
    for _ in range(MESSAGES):
        if stop.wait(_PERIOD_S):
            return None
        sent.append(time.time())
        publisher.publish(message)
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end and any(len(came.get(name, ())) < MESSAGES for name in reliabilities):
        if stop.wait(0.02):
            return None
    # Where some are lost nobody can tell which a late one is: each counts from the last one sent before it.
    arrived = {
        name: [(at - max((s for s in sent if s <= at), default=at)) * 1e3 for at in came.get(name, ())]
        for name in reliabilities
    }
    return Arrival(size, arrived)


def remedy(share: Path, environment: Mapping[str, str]) -> str:
    """What to do against loss.

    Args:
        share: The package's share folder.
        environment: Of this process.
    """
    smaller = "make the clouds smaller: points.stride, points.crop, points.fields"
    if missing := profile_environment(share, environment):
        name, value = next(iter(missing.items()))
        return (
            f"start this process, and those that send to it or subscribe, with {name}={value} (the launch files and "
            f"`joint_perception run` do that for ours), or {smaller}"
        )
    named = {name: environment[name] for name in VARIABLES if environment.get(name)}
    where = " in " + ", ".join(f"{name}={value}" for name, value in named.items()) if named else ""
    return f"give {middleware_of(environment)} larger buffers{where} (docs/troubleshooting.md), or {smaller}"
