# SPDX-License-Identifier: Apache-2.0
"""Notices other nodes of the same name: both answer the same services, and publish the same topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node


class Namesakes:
    """Counts the nodes that are called as this one.

    Args:
        node: This one.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._others = 0

    def look(self) -> None:
        """Count them, and tell the log when there are some."""
        own = (self._node.get_name(), self._node.get_namespace())
        others = max(0, self._node.get_node_names_and_namespaces().count(own) - 1)
        if others > self._others:
            self._node.get_logger().error(self._text(others))
        self._others = others

    @property
    def complaint(self) -> str:
        """What is wrong; empty: nothing."""
        return self._text(self._others) if self._others else ""

    def _text(self, others: int) -> str:
        return (
            f"{others + 1} nodes are called {self._node.get_fully_qualified_name()}: their outputs mix, and any may "
            "answer a service; start each in a namespace of its own, or end what is left of an earlier start"
        )
