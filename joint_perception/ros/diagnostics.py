# SPDX-License-Identifier: Apache-2.0
"""How the node fares, for /diagnostics: one status for the engine and one for each camera.

Statuses are plain data until they are published, so that whoever knows of a trouble can add it as a `Complaint`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from joint_perception.ros import qos
from joint_perception.ros.statistics import QUIET_CAUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rclpy.node import Node

    from joint_perception.engine import Engine
    from joint_perception.pipeline.settings import Settings
    from joint_perception.ros.statistics import Health
    from joint_perception.ros.worker import WorkerHealth

TOPIC = "/diagnostics"
# A rate over less than this says nothing.
_SETTLED_S = 2.0
# Seconds between a stamp and now that no latency explains: the camera's clock is another one.
_ANOTHER_CLOCK_S = 3600.0
_AHEAD_S = 0.1
_PERCENTILES = (50, 90, 99)
_MIB = 1 << 20


class Level(IntEnum):
    """How bad it is; the numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


class Complaint(NamedTuple):
    """One thing that is wrong, and how bad that is."""

    level: Level
    text: str


@dataclass(frozen=True)
class Status:
    """One status of the node.

    Attributes:
        name: What it is of: `engine`, `camera` or `camera front`.
        hardware_id: The device, or the camera's image topic.
        fine: What to say where nothing is wrong.
        complaints: What is wrong.
        values: For people and for logs, in this order.
    """

    name: str
    hardware_id: str
    fine: str
    complaints: tuple[Complaint, ...]
    values: Mapping[str, str]

    @property
    def level(self) -> Level:
        """The worst of the complaints."""
        return max((complaint.level for complaint in self.complaints), default=Level.OK)

    @property
    def message(self) -> str:
        """All complaints, the worst first."""
        worst_first = sorted(self.complaints, key=lambda complaint: -complaint.level)
        return "; ".join(complaint.text for complaint in worst_first) or self.fine


def camera_status(name: str, topics: Sequence[str], health: Health, limits: Settings) -> Status:
    """The status of a camera.

    Args:
        name: The camera's; empty: the only one.
        topics: Of its images, of its camera_info.
        health: How it fares.
        limits: The parameters `diagnostics.*`.
    """
    return Status(
        name=f"camera {name}".rstrip(),
        hardware_id=topics[0],
        fine=f"{health.rate_in:.1f} images/s in, {health.rate_out:.1f} out",
        complaints=tuple(_complaints(topics, health, limits)),
        values={
            "image topic": topics[0],
            "camera_info topic": topics[1],
            "images in (Hz)": f"{health.rate_in:.2f}",
            "images out (Hz)": f"{health.rate_out:.2f}",
            "age of the newest image (s)": f"{health.age:.3f}",
            **_percentiles(health.latencies),
            "images in": str(health.frames_in),
            "images out": str(health.frames_out),
            **{f"dropped: {cause}": str(count) for cause, count in sorted(health.dropped.items())},
            **{f"incompatible QoS: {topic}": policy for topic, policy in sorted(health.qos_incompatible.items())},
            "times the stamps went back": str(health.time_jumps),
        },
    )


def engine_status(
    state: str,
    settings: Settings,
    engine: Engine | None,
    digest: str,
    health: Sequence[Health],
    complaints: Sequence[Complaint] = (),
) -> Status:
    """The status of the engine.

    Args:
        state: What to say where nothing is wrong: the node's state.
        settings: The node's parameters.
        engine: What is loaded; None: nothing.
        digest: SHA-256 of the file of weights; empty: nothing is loaded.
        health: How the cameras fare.
        complaints: What is wrong with it.
    """
    values = {
        "state": state,
        "weights": settings["weights"],
        "weights SHA-256": digest,
        "device": settings["device"],
        "images in (Hz)": f"{sum(each.rate_in for each in health):.2f}",
        "images out (Hz)": f"{sum(each.rate_out for each in health):.2f}",
    }
    if engine is None:
        return Status("engine", "", state, tuple(complaints), values)
    size = engine.network_size
    values |= {
        "device": str(engine.device),
        "domain": f"{engine.domain.name} ({engine.domain.num_classes} classes)",
        "outputs": ", ".join(engine.modalities),
        "runtime": f"{engine.choice.runtime} {engine.choice.precision}",
        "network size": f"{size[1]}x{size[0]}" if size else "the image's",
        **_memory(engine.device),
    }
    return Status("engine", _device_name(engine.device), state, tuple(complaints), values)


def worker_complaints(health: WorkerHealth) -> Iterable[Complaint]:
    """What is wrong with the worker."""
    if health.fatal:
        yield Complaint(Level.ERROR, health.fatal)
    if health.stall is not None:
        text = f"the worker was stuck in the stage {health.stall.stage!r} for {health.stall.seconds:.1f} s"
        yield Complaint(Level.ERROR, f"{text} and was restarted, {health.restarts} times since activation")
    if health.stuck:
        yield Complaint(Level.WARN, f"{health.stuck} threads that were given up are stuck still")
    if health.fallen_back:
        yield Complaint(Level.WARN, f"the CPU has taken over: {health.fallen_back}")
    if health.batch_limit is not None:
        yield Complaint(Level.WARN, f"memory lacks for more than {health.batch_limit} images at once")


class Diagnostics:
    """Publishes statuses on /diagnostics.

    Args:
        node: Whose they are; its name goes before theirs.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._prefix = node.get_fully_qualified_name().lstrip("/")
        self._publisher = node.create_publisher(
            DiagnosticArray, TOPIC, qos.own(qos.OUTPUT), qos_overriding_options=qos.overridable()
        )

    @property
    def wanted(self) -> bool:
        """Whether anybody subscribes."""
        return bool(self._publisher.get_subscription_count())

    def publish(self, statuses: Iterable[Status]) -> None:
        """Publish the statuses of this moment."""
        message = DiagnosticArray(status=[self._message(status) for status in statuses])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _message(self, status: Status) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([status.level]),
            name=f"{self._prefix}: {status.name}",
            message=status.message,
            hardware_id=status.hardware_id,
            values=[KeyValue(key=key, value=value) for key, value in status.values.items()],
        )


def _complaints(topics: Sequence[str], health: Health, limits: Settings) -> Iterable[Complaint]:
    image_topic = topics[0]
    for topic, policy in sorted(health.qos_incompatible.items()):
        yield Complaint(Level.WARN, f"incompatible QoS on {topic} ({policy})")
    silence = health.uptime if math.isnan(health.age) else health.age
    if silence > limits["diagnostics.max_age"]:
        yield Complaint(Level.ERROR, f"no image on {image_topic} for {silence:.1f} s")
        return
    unusable = {cause: n for cause, n in health.recently_dropped.items() if cause not in QUIET_CAUSES}
    idle = any(cause in health.recently_dropped for cause in ("no_subscribers", "disabled"))
    causes = ", ".join(f"{cause} {n}" for cause, n in sorted(unusable.items(), key=lambda item: -item[1]))
    ratio = min(1.0, sum(unusable.values()) / max(1.0, health.rate_in * health.window))
    if unusable and ratio > limits["diagnostics.max_drop_ratio"]:
        nothing = not health.rate_out and health.uptime > limits["diagnostics.max_age"]
        text = f"{ratio:.0%} of the images are unusable ({causes})"
        yield Complaint(Level.ERROR, f"nothing comes out: {text}") if nothing else Complaint(Level.WARN, text)
    if health.uptime > _SETTLED_S:
        yield from _slow(image_topic, health, limits["diagnostics.min_rate"], idle=idle)
    yield from _late(health.latencies, limits["diagnostics.max_latency"])


def _slow(topic: str, health: Health, least: float, *, idle: bool) -> Iterable[Complaint]:
    if health.rate_in < least:
        yield Complaint(Level.WARN, f"{health.rate_in:.2f} images/s come on {topic}, fewer than {least:g}")
    elif health.rate_out < least and not idle:
        yield Complaint(Level.WARN, f"{health.rate_out:.2f} images/s come out, fewer than {least:g}")


def _late(latencies: Sequence[float], most: float) -> Iterable[Complaint]:
    if not latencies:
        return
    high = float(np.percentile(latencies, 90))
    if high > max(most, _ANOTHER_CLOCK_S) or high < -_AHEAD_S:
        yield Complaint(
            Level.WARN,
            f"the images' stamps are {abs(high):.1f} s {'old' if high > 0 else 'ahead'}, of another clock (set "
            "use_sim_time for bags and simulators; synchronise the clocks of cameras elsewhere)",
        )
    elif high > most:
        yield Complaint(Level.WARN, f"the 90th percentile of the latency is {high:.2f} s, more than {most:g} s")


def _percentiles(latencies: Sequence[float]) -> dict[str, str]:
    values = np.percentile(latencies, _PERCENTILES) * 1e3 if latencies else [math.nan] * len(_PERCENTILES)
    return {
        f"latency, {which}th percentile (ms)": f"{value:.1f}" for which, value in zip(_PERCENTILES, values, strict=True)
    }


def _memory(device: torch.device) -> dict[str, str]:
    if device.type != "cuda":
        return {}
    try:
        free, total = torch.cuda.mem_get_info(device)
        numbers = {
            "allocated": torch.cuda.memory_allocated(device),
            "reserved": torch.cuda.memory_reserved(device),
            "free": free,
            "total": total,
        }
    except (RuntimeError, AssertionError) as error:  # a device that is lost; torch asserts that there is one at all
        return {"GPU memory": f"unknown: {error}".splitlines()[0]}
    return {f"GPU memory, {what} (MiB)": f"{number / _MIB:.0f}" for what, number in numbers.items()}


def _device_name(device: torch.device) -> str:
    if device.type != "cuda":
        return str(device)
    try:
        return torch.cuda.get_device_name(device)
    except (RuntimeError, AssertionError):
        return str(device)
