# SPDX-License-Identifier: Apache-2.0
"""perception.launch.py by the real `ros2 launch`, where there is one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from importlib.util import find_spec

import pytest
import ros_graph
from builtin_interfaces.msg import Time
from launch_files import LAUNCH, arguments_of
from rosgraph_msgs.msg import Clock

pytestmark = pytest.mark.skipif(
    shutil.which("ros2") is None or find_spec("launch_ros") is None,
    reason="ros2 launch is not installed (it is not on PyPI)",
)


@pytest.fixture
def launch(tmp_path):
    """Start `ros2 launch` of our file; interrupted when the test ends."""
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


def test_a_bag_of_years_ago_is_played_with_its_clock_in_a_loop(launch, checkpoints):
    """As `ros2 bag play --clock --loop` does, and use_sim_time on our side."""
    recorded_at, frames = 1_500_000_000, 3
    process, log = launch(
        "config:=kitti",
        f"weights:={checkpoints(6)}",
        f"image:={ros_graph.IMAGE_TOPIC}",
        "device:=cpu",
        "use_sim_time:=true",
    )
    graph = ros_graph.Graph()
    clock = graph.node.create_publisher(Clock, "/clock", 10)
    try:
        graph.subscribe("label", "stats")
        graph.wait_for_camera_match()
        for turn in range(2):
            graph.received.clear()
            for second in range(recorded_at, recorded_at + frames):
                stamp = Time(sec=second)
                image = ros_graph.image_message(ros_graph.picture(64, 96), stamp=stamp)
                for _ in range(100):
                    clock.publish(Clock(clock=Time(sec=second, nanosec=1000)))
                    graph.send(image, ros_graph.camera_info(96, 64, stamp))
                    graph.spin(0.2)
                    if any(message.header.stamp == stamp for message in graph.received["label"]):
                        break
                else:
                    pytest.fail(f"turn {turn}, second {second}\n{log.read_text()}")
        graph.wait(lambda: graph.received["stats"], "statistics")
        latency = graph.received["stats"][-1].latency_milliseconds
        assert abs(latency) < 10_000, "it was measured with the wall's clock"
    finally:
        graph.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0, log.read_text()


@pytest.mark.parametrize("file", sorted(LAUNCH))
def test_the_arguments_are_listed(file):
    command = ["ros2", "launch", "joint_perception", file, "--show-args"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)

    assert re.findall(r"^    '(\w+)':", shown.stdout, re.MULTILINE) == list(arguments_of(file))


@pytest.mark.parametrize(
    ("argument", "words"),
    [("config:=kity", ["'kity'", "kitti"]), ("rviz:=maybe", ["'rviz'", "true or false"])],
)
def test_a_bad_argument_is_named(launch, argument, words):
    process, log = launch(argument)
    assert process.wait(timeout=60) != 0
    for word in words:
        assert word in log.read_text()
