# SPDX-License-Identifier: Apache-2.0
"""The process of the perception node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from joint_perception.ros.node import PerceptionNode

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted.

    Args:
        arguments: The command line, program name first, with `--ros-args`; None: this process's own.

    Returns:
        Exit status: 0 after an interrupt.
    """
    rclpy.init(args=list(arguments) if arguments is not None else sys.argv)
    node = None
    try:
        node = PerceptionNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
