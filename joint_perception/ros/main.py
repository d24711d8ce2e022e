# SPDX-License-Identifier: Apache-2.0
"""The process of the perception node."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from joint_perception.ros.memory import keep_memory
from joint_perception.ros.node import PerceptionNode
from joint_perception.ros.shared_memory import reclaim
from joint_perception.ros.shutdown import shut_down

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted.

    Args:
        arguments: The command line, program name first, with `--ros-args`; None: this process's own.

    Returns:
        Exit status: 0 after an interrupt, 70 when the node gave up; see docs/reliability.md.
    """
    keep_memory()
    left_behind = reclaim()
    rclpy.init(args=list(arguments) if arguments is not None else sys.argv)
    node = None
    try:
        node = PerceptionNode()
        if left_behind.segments:
            node.get_logger().info(
                f"gave back {left_behind.size / 1e6:.0f} MB of shared memory, {left_behind.segments} segments of Fast "
                "DDS that processes which were killed had left behind"
            )
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # RCLError: the signal came in the midst of a callback, and took the context from under it
        if rclpy.ok():
            raise
    finally:
        if node is not None:
            node.destroy_node()
        shut_down()
    if node is not None and node.threads_left:
        # They are in the midst of the device's or DDS's code, and the interpreter would free what they use.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(node.exit_status)
    return node.exit_status if node is not None else 0
