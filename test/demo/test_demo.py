# SPDX-License-Identifier: Apache-2.0
"""`joint_perception demo` as a newcomer runs it, shorter."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import ros_graph

from joint_perception.demo.scene import draw_street

if TYPE_CHECKING:
    from pathlib import Path

rosbags_highlevel = pytest.importorskip("rosbags.highlevel")


TOPICS = {
    "/camera/image_rect_color": "sensor_msgs/msg/Image",
    "/camera/camera_info": "sensor_msgs/msg/CameraInfo",
    "/joint_perception/label": "sensor_msgs/msg/Image",
    "/joint_perception/label_color": "sensor_msgs/msg/Image",
    "/joint_perception/overlay": "sensor_msgs/msg/Image",
    "/joint_perception/depth": "sensor_msgs/msg/Image",
    "/joint_perception/points": "sensor_msgs/msg/PointCloud2",
    "/joint_perception/camera_info": "sensor_msgs/msg/CameraInfo",
    "/joint_perception/classes": "joint_perception/msg/ClassMap",
    "/joint_perception/stats": "joint_perception/msg/PerceptionStats",
}


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    ros_graph.use_own_domain()
    command = [sys.executable, "-m", "joint_perception.cli", "demo", *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=110, check=False)


def test_demo_leaves_panel_cloud_and_bag(tmp_path):
    done = demo(tmp_path, "--seconds", "4", "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("RANDOM WEIGHTS") == 2, "before it starts, and where the results are"
    out = tmp_path / "out"
    panel = cv2.imread(str(out / "640x384_panel.png"))
    assert panel is not None
    assert panel.std() > 20
    header = (out / "640x384.ply").read_bytes().split(b"end_header\n")[0].decode()
    assert int(header.split("element vertex ")[1].split()[0]) > 1000
    for file in ("640x384_panel.png", "640x384.ply", "bag.mcap"):
        assert file in done.stdout, "where it is must be said"
    with rosbags_highlevel.AnyReader([out / "bag"]) as bag:
        found = {c.topic: (c.msgtype, c.msgcount) for c in bag.connections}
        assert {topic: kind for topic, (kind, _) in found.items()} == TOPICS
        assert all(count > 0 for _, count in found.values()), found
        latched = {c.topic for c in bag.connections if c.ext.offered_qos_profiles[0].durability.name != "VOLATILE"}
        assert latched == {"/joint_perception/classes"}, "a replay must latch what the node latches"
        connections = [c for c in bag.connections if c.topic == "/joint_perception/stats"]
        stats = [bag.deserialize(data, c.msgtype) for c, _, data in bag.messages(connections)]
        assert max(s.frames_out for s in stats) > 0

    again = demo(tmp_path, "--seconds", "1", "--out", ".")
    assert again.returncode == 1
    assert "not a demo's" in again.stderr, "a folder of the user's must not be emptied"
    assert (out / "640x384.ply").exists()


def test_a_picture_that_is_none_is_named_at_once(tmp_path):
    (tmp_path / "note.png").write_text("not a picture")
    done = demo(tmp_path, "note.png", "--out", "out")
    assert done.returncode == 1
    assert "note.png" in done.stderr
    assert not (tmp_path / "out").exists()


def test_drawing_is_a_street_and_always_the_same():
    street = draw_street()
    assert street.shape == (384, 640, 3)
    np.testing.assert_array_equal(street, draw_street())
    sky, road = street[20:60, 300:340].mean((0, 1)), street[350:380, 250:300].mean((0, 1))
    assert sky[2] > sky[0] + 50, "the sky is blue"
    assert np.ptp(road) < 20, "the road is grey"
