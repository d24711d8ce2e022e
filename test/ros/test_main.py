# SPDX-License-Identifier: Apache-2.0
"""The process of the node: a signal in the midst of a callback is an interrupt, not a crash."""

from __future__ import annotations

import pytest
import rclpy
from rclpy.node import Node
from std_msgs.msg import Header

from joint_perception.ros import main as main_module


class Interrupted(Node):
    """Its first callback is interrupted, if at all, before it asks DDS for something."""

    interrupted = True
    exit_status = 0
    threads_left = False

    def __init__(self):
        super().__init__("interrupted")
        self._publisher = self.create_publisher(Header, "header", 1)
        self.create_timer(0.0, self._on_timer)

    def _on_timer(self):
        if self.interrupted:
            rclpy.shutdown()  # as rclpy's handler of SIGINT does, at any moment
            self._publisher.get_subscription_count()
        raise RuntimeError("a fault of its own")


def test_an_interrupt_in_a_callback_ends_the_node_well(monkeypatch):
    monkeypatch.setattr(main_module, "PerceptionNode", Interrupted)

    assert main_module.main(["node"]) == 0


def test_a_fault_without_an_interrupt_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(main_module, "PerceptionNode", Interrupted)
    monkeypatch.setattr(Interrupted, "interrupted", False)

    with pytest.raises(RuntimeError, match="a fault of its own"):
        main_module.main(["node"])
