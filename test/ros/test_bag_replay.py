# SPDX-License-Identifier: Apache-2.0
"""What `joint_perception bag` writes is what the node publishes when the same images are played into it."""

from __future__ import annotations

import pytest

pytest.importorskip("rosbags")

from rclpy.serialization import deserialize_message
from recordings import drive, write_bag
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from joint_perception.cli import main

NODE = "/joint_perception"
IMAGE_TOPIC, INFO_TOPIC = "/camera/image", "/camera/camera_info"
OUTPUTS = {"label": Image, "depth": Image, "points": PointCloud2, "camera_info": CameraInfo}


@pytest.fixture
def bag(checkpoints, tmp_path):
    """The new bag's messages, as rclpy reads them: topic to messages."""
    recording, out = write_bag(tmp_path / "in", drive(2)), tmp_path / "out"
    arguments = ["bag", str(recording), "--out", str(out), "--weights", str(checkpoints(6)), "--no-progress"]
    assert main([*arguments, "--device", "cpu"]) == 0
    kinds = {f"{NODE}/{name}": kind for name, kind in OUTPUTS.items()} | {IMAGE_TOPIC: Image, INFO_TOPIC: CameraInfo}
    found = {topic: [] for topic in kinds}
    with Reader(out) as reader:
        for connection, _, data in reader.messages():
            if connection.topic in kinds:
                found[connection.topic].append(deserialize_message(data, kinds[connection.topic]))
    return found


def test_the_node_publishes_the_same_bytes(bag, graph, start_node):
    node = start_node(runtime="torch", depth__focal_correction="auto")
    graph.subscribe(*OUTPUTS)
    graph.wait_for_camera_match(node)

    for i, (image, info) in enumerate(zip(bag[IMAGE_TOPIC], bag[INFO_TOPIC], strict=True)):
        published = graph.exchange(image, info, tuple(OUTPUTS), node)

        for name in OUTPUTS:
            recorded = bag[f"{NODE}/{name}"][i]
            recorded.header.stamp = published[name].header.stamp  # of the replay: the tester's frames are of now
            assert recorded == published[name], name
