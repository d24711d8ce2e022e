# SPDX-License-Identifier: Apache-2.0
"""Several perception nodes and a node of the user's in one process, on one executor, each in its namespace."""

from __future__ import annotations

import time

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from ros_graph import array_of, camera_info, image_message, now, picture
from sensor_msgs.msg import CameraInfo, Image

from joint_perception.ros.node import PerceptionNode

NAMESPACES = ("/robot1", "/robot2")
HEIGHT, WIDTH = 64, 96


@pytest.fixture
def executor():
    context = rclpy.Context()
    context.init()
    executor = SingleThreadedExecutor(context=context)
    yield executor
    for node in executor.get_nodes():
        node.destroy_node()
    executor.shutdown()
    context.try_shutdown()


@pytest.mark.timeout(240)
def test_nodes_of_one_process_hear_and_answer_each_its_own_camera(executor, checkpoints):
    context = executor.context
    for number, namespace in enumerate(NAMESPACES):
        overrides = {"weights": str(checkpoints(6)), "device": "cpu", "image_topic": f"eye{number}/image"}
        executor.add_node(
            PerceptionNode(
                namespace=namespace,
                context=context,
                parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
            )
        )
    mine = rclpy.create_node("mine", context=context)
    executor.add_node(mine)
    received = {namespace: [] for namespace in NAMESPACES}
    publishers = []
    for number, namespace in enumerate(NAMESPACES):
        mine.create_subscription(Image, f"{namespace}/joint_perception/label", received[namespace].append, 10)
        camera = f"{namespace}/eye{number}"
        publishers.append(
            (
                mine.create_publisher(Image, f"{camera}/image", 5),
                mine.create_publisher(CameraInfo, f"{camera}/camera_info", 5),
            )
        )
    pictures = [picture(HEIGHT, WIDTH, seed) for seed in (1, 2)]

    end = time.monotonic() + 180  # both load torch and their network on this one thread
    while not all(received.values()):
        assert time.monotonic() < end, {namespace: len(messages) for namespace, messages in received.items()}
        for number, (images, infos) in enumerate(publishers):
            image, info = image_message(pictures[number]), camera_info(WIDTH, HEIGHT)
            image.header.frame_id = info.header.frame_id = f"eye{number}"
            image.header.stamp = info.header.stamp = now()
            images.publish(image)
            infos.publish(info)
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            executor.spin_once(timeout_sec=0.05)

    masks = [array_of(received[namespace][0]) for namespace in NAMESPACES]
    assert [received[namespace][0].header.frame_id for namespace in NAMESPACES] == ["eye0", "eye1"]
    assert not np.array_equal(*masks), "each saw its own picture"
