# SPDX-License-Identifier: Apache-2.0
"""The scorer in a process of its own, hearing a node and a camera that this test plays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import ros_graph
from joint_perception.msg import ClassMap, SemanticClass
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

TRUTH = "/camera/ground_truth"
TRUE_NAMES = ("sky", "building", "road")
NODE_NAMES = ("wall", "floor", "sky", "building", "road")
SHIFT = 2  # from the truth's ids to the node's
SHAPE = (24, 32)


class Stage:
    """Publishes on the topics of the node and of the camera."""

    def __init__(self):
        self.graph = ros_graph.Graph()
        qos = QoSProfile(depth=20)
        self.images = {
            topic: self.graph.node.create_publisher(Image, topic, qos)
            for topic in ("/joint_perception/label", "/joint_perception/depth", f"{TRUTH}/label", f"{TRUTH}/depth")
        }
        self._latched = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for topic, domain, names in (
            ("/joint_perception/classes", "nyud_kitti", NODE_NAMES),
            (f"{TRUTH}/classes", "kitti", TRUE_NAMES),
        ):
            publisher = self.graph.node.create_publisher(ClassMap, topic, latched)
            classes = [SemanticClass(id=i, name=name) for i, name in enumerate(names)]
            publisher.publish(ClassMap(domain=domain, void_id=255, classes=classes))
            self._latched.append(publisher)

    def publish(self, topic, pixels, stamp):
        message = ros_graph.image_message(pixels, "mono8" if pixels.dtype == np.uint8 else "32FC1", stamp)
        self.images[topic].publish(message)
        self.graph.spin(0.02)


@pytest.fixture
def stage():
    stage = Stage()
    yield stage
    stage.graph.close()


def test_frames_are_scored_by_stamp_and_by_name_and_those_without_output_counted(stage, tmp_path):
    log = (tmp_path / "log").open("w+")
    command = [sys.executable, "-m", "joint_perception.demo.scorer", "--json", "scores.json"]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ, stdout=log, stderr=subprocess.STDOUT)
    rng = np.random.default_rng(1)
    truths = [rng.integers(0, 3, SHAPE).astype(np.uint8) for _ in range(4)]
    depths = [rng.uniform(1, 50, SHAPE).astype(np.float32) for _ in range(4)]
    for truth, depth in zip(truths, depths, strict=True):
        truth[:4] = 255
        depth[:3] = np.nan
    labels = [truth + SHIFT for truth in truths]
    labels[2][10:, :8] = 0  # wall: of no class of the truth
    try:
        stage.graph.wait(
            lambda: all(p.get_subscription_count() for p in stage.images.values()), "the scorer to listen", 60
        )
        stage.graph.spin(0.5)
        stamps = []
        for truth, depth in zip(truths, depths, strict=True):
            stamps.append(ros_graph.now())
            stage.publish(f"{TRUTH}/label", truth, stamps[-1])
            stage.publish(f"{TRUTH}/depth", depth, stamps[-1])
        # The second one is dropped; depth comes before label, and the last frame before the third.
        for i, error in ((0, 0), (3, 2), (2, -1)):
            stage.publish("/joint_perception/depth", depths[i] + np.float32(error), stamps[i])
            stage.publish("/joint_perception/label", labels[i], stamps[i])
        stage.publish("/joint_perception/label", labels[0], ros_graph.now())  # of an image that had no truth
        stage.graph.wait(lambda: "scorer: 3 frames (1 more" in (tmp_path / "log").read_text(), "three frames", 30)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=20)
    said = (tmp_path / "log").read_text()
    assert status == 0, said

    got = json.loads((tmp_path / "scores.json").read_text())
    assert (got["frames"], got["frames_unpaired"]) == (3, 1)
    counted = np.concatenate([truths[i][truths[i] != 255] for i in (0, 2, 3)])
    named = np.concatenate([(labels[i].astype(int) - SHIFT)[truths[i] != 255] for i in (0, 2, 3)])
    iou = {
        name: ((counted == i) & (named == i)).sum() / ((counted == i) | (named == i)).sum()
        for i, name in enumerate(TRUE_NAMES)
    }
    assert got["iou"] == pytest.approx(iou)
    assert got["miou"] == pytest.approx(np.mean(list(iou.values())))
    assert max(iou.values()) < 1
    assert got["rmse"] == pytest.approx(np.sqrt((0 + 4 + 1) / 3), rel=1e-6)
    assert 0 < got["latency_ms"]["median"] <= got["latency_ms"]["p95"]
    assert "t <= 80 m" in got["protocol"]
    assert f"{got['miou']:.3f}" in said.split("in the end")[1]
