# SPDX-License-Identifier: Apache-2.0
"""What the stand-ins for consumers share: they write down what they get, for the test that started the launch."""

from __future__ import annotations

import json
import os
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

REPORTS = "STAND_IN_REPORTS"  # environment variable: the folder the reports go to


class Consumer(Node):
    """A node with declared parameters, whose types are checked as rclcpp's are, that reports in JSON lines.

    Args:
        name: Of the node, and its report's file.
        parameters: Defaults, of the types the consumer declares.
        options: For the node.
    """

    def __init__(self, name: str, parameters: dict, **options) -> None:
        super().__init__(name, **options)
        self._file = Path(os.environ[REPORTS]) / f"{name}.jsonl"
        self.settings = {key: self.declare_parameter(key, value).value for key, value in parameters.items()}
        self.report(started=self.get_fully_qualified_name(), parameters=self.settings)

    def report(self, **what) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(what) + "\n")


class ExactSync:
    """message_filters' exact time policy: calls back with the messages of one stamp."""

    def __init__(self, count: int, queue_size: int, callback) -> None:
        self._count, self._queue_size, self._callback = count, queue_size, callback
        self._waiting: dict = {}

    def slot(self, index: int):
        def add(message) -> None:
            stamp = message.header.stamp.sec, message.header.stamp.nanosec
            found = self._waiting.setdefault(stamp, {})
            found[index] = message
            if len(found) == self._count:
                del self._waiting[stamp]
                self._callback(*(found[i] for i in range(self._count)))
            while len(self._waiting) > self._queue_size:
                del self._waiting[min(self._waiting)]

        return add


def sensor_data(depth: int = 5) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT, history=HistoryPolicy.KEEP_LAST)


def with_reliability(number: int, depth: int) -> QoSProfile:
    """A profile by the numbers of rmw_qos_reliability_policy_t, as RTAB-Map's parameters have them."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy(number), history=HistoryPolicy.KEEP_LAST)


def latched(depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def run(make) -> None:
    """Spin the node until the launch ends it."""
    rclpy.init()
    try:
        rclpy.spin(make())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
