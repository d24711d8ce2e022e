# SPDX-License-Identifier: Apache-2.0
"""A node process and a graph for each test."""

from __future__ import annotations

import pytest
import rclpy
import ros_graph

from joint_perception.ros.parameters import Parameters


@pytest.fixture
def graph():
    graph = ros_graph.Graph()
    yield graph
    graph.close()


@pytest.fixture
def start_node(tmp_path, checkpoints):
    """Start the node with the formula's KITTI weights and the tester's topics; ended when the test ends."""
    processes = []

    def start(arguments=(), **parameters):
        given = {
            "weights": str(checkpoints(6)),
            "image_topic": ros_graph.IMAGE_TOPIC,
            "device": "cpu",
            "runtime": "torch",  # no self-check of the others: what a test looks at does not depend on it
            "depth.focal_correction": "off",  # the tests' cameras have other lenses than those of the domains
            **{name.replace("__", "."): value for name, value in parameters.items()},
        }
        process = ros_graph.NodeProcess(given, tmp_path / f"node{len(processes)}.log", tuple(arguments))
        processes.append(process)
        return process

    yield start
    for process in processes:
        assert process.interrupt() == 0, process.log


@pytest.fixture
def declare():
    """Declare the table on a node that was given these parameters on its command line."""
    contexts = []

    def make(*given: str) -> tuple[rclpy.node.Node, Parameters]:
        context = rclpy.Context()
        context.init(args=["node", "--ros-args", *(word for value in given for word in ("-p", value))])
        node = rclpy.create_node("joint_perception", context=context)
        contexts.append((context, node))
        return node, Parameters(node)

    yield make
    for context, node in contexts:
        node.destroy_node()
        context.try_shutdown()
