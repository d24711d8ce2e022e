# SPDX-License-Identifier: Apache-2.0
"""A subscriber in a process of its own, for `transport`: says on standard output what arrives.

Within one process DDS hands messages over in memory; what loses them between processes does not come to bear.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import PointCloud2

_LIFE_S = 60.0  # should the node end without a word to us


def main() -> int:
    """Subscribe; `RELIABILITY SECONDS` is written for each message as it arrives, SECONDS since 1970.

    The command line: the topic, the QoS depth, and `RELIABLE`, `BEST_EFFORT` or both.
    """
    topic, depth, reliabilities = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("transport_probe", enable_rosout=False, start_parameter_services=False)

    def report(name: str) -> Any:
        return lambda _: print(name, time.time(), flush=True)  # noqa: T201 (how it talks with the node)

    for name in reliabilities:
        profile = QoSProfile(depth=depth, reliability=ReliabilityPolicy[name])
        # raw: what it says does not matter, and to take 7 MB apart costs.
        node.create_subscription(PointCloud2, topic, report(name), profile, raw=True)
    node.create_timer(_LIFE_S, rclpy.try_shutdown)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
