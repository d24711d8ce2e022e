# SPDX-License-Identifier: Apache-2.0
"""The subscriber's process: tells when it holds all results of a stamp.

Commands: `{"subscribe": TARGET, "base": NODE, "cameras": [...], "topics": {NAME: TYPE}}` answers when there is a
publisher for each, or none for long; `{"unsubscribe": TARGET}`; `{"keep": FILE}` saves labels and depth of the next
complete result. Unasked it says `{"target", "stamp", "arrived"}`, nanoseconds since 1970, of each complete result,
and `{"target", "stamp", "stages"}` of each PerceptionStats.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from joint_perception.benchmark.wire import commands, say
from joint_perception.msg import ClassMap, PerceptionStats
from joint_perception.ros import qos

if TYPE_CHECKING:
    import numpy.typing as npt

_QUEUE = 10  # reliable, as RViz2 and RTAB-Map ask for
_AWAITED = {"Image": Image, "PointCloud2": PointCloud2, "CameraInfo": CameraInfo}
_OTHERS = {"ClassMap": ClassMap, "PerceptionStats": PerceptionStats}
_DTYPES = {"mono8": "u1", "32FC1": "<f4"}
_MATCH_S = 30.0
_KEPT_STAMPS = 200  # of results that never became complete


class Listener:
    """Joins what comes by its stamp."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("benchmark_listener")
        self._subscriptions: dict[str, list[Any]] = defaultdict(list)
        self._expected: dict[str, int] = {}
        self._came: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
        self._keep = ""

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked."""
        if "keep" in command:
            self._keep = command["keep"]
            return {"keeping": True}
        if "unsubscribe" in command:
            for key in (command["unsubscribe"], f"{command['unsubscribe']} stats"):
                for subscription in self._subscriptions.pop(key, []):
                    self.node.destroy_subscription(subscription)
            return {"unsubscribed": True}
        return {"matched": self._subscribe(command)}

    def _subscribe(self, command: dict[str, Any]) -> bool:
        target, base = command["subscribe"], command["base"]
        awaited = {name: kind for name, kind in command["topics"].items() if kind in _AWAITED}
        self._expected[target] = len(command["cameras"]) * len(awaited)
        subscriptions = self._subscriptions[target]
        for camera in command["cameras"]:
            prefix = f"{base}/{camera}" if camera else base
            for name, kind in command["topics"].items():
                if kind in _OTHERS:
                    profile = qos.LATCHED if kind == "ClassMap" else _QUEUE
                    came, of_type = _ignore, _OTHERS[kind]
                else:
                    came, of_type = functools.partial(self._on_result, target, f"{camera}/{name}"), _AWAITED[kind]
                    profile = _QUEUE
                subscriptions.append(self.node.create_subscription(of_type, f"{prefix}/{name}", came, profile))
            on_stats = functools.partial(self._on_stats, target)
            self._subscriptions[f"{target} stats"].append(
                self.node.create_subscription(PerceptionStats, f"{prefix}/stats", on_stats, _QUEUE)
            )
        end = time.monotonic() + _MATCH_S
        while not (matched := all(self.node.count_publishers(s.topic_name) for s in subscriptions)):
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        return matched

    def _on_result(self, target: str, name: str, message: Any) -> None:
        arrived = time.time_ns()
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        came = self._came[target, stamp]
        came[name] = message
        if len(came) == self._expected[target]:
            if self._keep:  # before it is told: who hears of it reads the file
                images = {name.strip("/"): _pixels(m) for name, m in came.items() if isinstance(m, Image)}
                np.savez(self._keep, allow_pickle=False, **images)
                self._keep = ""
            say({"target": target, "stamp": stamp, "arrived": arrived})
            del self._came[target, stamp]
        while len(self._came) > _KEPT_STAMPS:
            self._came.pop(next(iter(self._came)))

    def _on_stats(self, target: str, message: PerceptionStats) -> None:
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        stages = dict(zip(message.stages, message.stage_milliseconds, strict=True))
        counts = {"frames_in": message.frames_in, "frames_out": message.frames_out}
        say({"target": target, "stamp": stamp, "stages": stages, **counts})


def _ignore(_: Any) -> None:
    pass


def _pixels(message: Image) -> npt.NDArray[Any]:
    kind = _DTYPES.get(message.encoding)
    if kind is None:
        return np.zeros(0)
    return np.frombuffer(message.data, kind).reshape(message.height, message.width)


def main() -> int:
    """Listen until the pipe closes."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    listener = Listener()
    executor = SingleThreadedExecutor()
    executor.add_node(listener.node)

    def obey() -> None:
        say({"ready": True})
        for command in commands():
            say({"answer": listener.answer(command)})
        rclpy.try_shutdown()

    thread = threading.Thread(target=obey, daemon=True)
    thread.start()
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
