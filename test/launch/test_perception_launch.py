# SPDX-License-Identifier: Apache-2.0
"""perception.launch.py by the real `ros2 launch`, where there is one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from importlib.util import find_spec

import pytest
import ros_graph

pytestmark = pytest.mark.skipif(
    shutil.which("ros2") is None or find_spec("launch_ros") is None,
    reason="ros2 launch is not installed (it is not on PyPI)",
)


@pytest.fixture
def launch(tmp_path):
    """Start `ros2 launch` of our file; interrupted when the test ends."""
    ros_graph.use_own_domain()
    processes = []

    def start(*arguments):
        log = tmp_path / f"launch{len(processes)}.log"
        command = ["ros2", "launch", "joint_perception", "perception.launch.py", *arguments]
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, cwd=tmp_path, env=os.environ, start_new_session=True
            )
        processes.append(process)
        return process, log

    yield start
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def test_arguments_reach_the_node(launch, checkpoints):
    # A number for a name: launch must not make an integer of it.
    weights = checkpoints(6).with_name("12")
    shutil.copy(checkpoints(6), weights)
    process, log = launch(
        "config:=kitti",
        f"weights:={weights}",
        f"image:={ros_graph.IMAGE_TOPIC}",
        "namespace:=front",
        "device:=cpu",
        "log_level:=debug",
    )
    graph = ros_graph.Graph("/front/joint_perception")
    try:
        graph.subscribe("label", "depth", "points", "classes")
        graph.wait(lambda: graph.received["classes"], "the class map", 60)
        graph.wait_for_camera_match()
        image = ros_graph.image_message(ros_graph.picture(64, 96))
        for _ in range(50):
            image.header.stamp = ros_graph.now()
            graph.send(image, ros_graph.camera_info(96, 64, image.header.stamp))
            graph.spin(0.2)
            if all(graph.received[o] for o in ("label", "depth", "points")):
                break
        else:
            pytest.fail(log.read_text())
        assert graph.received["classes"][0].domain == "kitti"
        assert graph.received["label"][-1].header.frame_id == ros_graph.FRAME_ID
    finally:
        graph.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0, log.read_text()
    assert "process has finished cleanly" in log.read_text()


@pytest.mark.parametrize(
    ("argument", "words"),
    [("config:=kity", ["'kity'", "kitti"]), ("rviz:=maybe", ["'rviz'", "true or false"])],
)
def test_a_bad_argument_is_named(launch, argument, words):
    process, log = launch(argument)
    assert process.wait(timeout=60) != 0
    for word in words:
        assert word in log.read_text()
