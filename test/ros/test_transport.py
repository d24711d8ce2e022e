# SPDX-License-Identifier: Apache-2.0
"""Big messages between processes: the check tells what arrives, and what to do where nothing does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_path
from rclpy.qos import ReliabilityPolicy
from ros_graph import NODE, camera_info, image_message, picture

from joint_perception.ros.dds import VARIABLES, profile_environment
from joint_perception.ros.transport import MESSAGES, Arrival, remedy

CLOUD = 640 * 480 * 24

MEASURE = """
import sys, threading, rclpy
from joint_perception.ros import qos
from joint_perception.ros.transport import measure
rclpy.init()
node = rclpy.create_node("tester")
arrival = measure(node, qos.OUTPUT, int(sys.argv[1]), threading.Event())
print({name: len(came) for name, came in arrival.milliseconds.items()}, arrival.lossy)
rclpy.shutdown()
"""


@pytest.fixture
def share():
    return get_package_share_path("joint_perception")


def measured(environment, size):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(size)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_profile():
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment["RMW_IMPLEMENTATION"] = "rmw_fastrtps_cpp"
    return environment


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no shared memory here")
def test_a_cloud_that_the_shared_memory_does_not_hold_is_noticed(share):
    """Fast DDS as it comes has segments of 512 KB."""
    environment = without_profile()
    assert "BEST_EFFORT" in measured(environment, CLOUD).partition("}")[2], "it arrived; the check tells nothing"

    assert "'BEST_EFFORT': 0" not in measured(environment | profile_environment(share, environment), CLOUD)


def test_the_node_measures_at_its_first_images_with_the_qos_of_its_clouds(graph, start_node):
    points, obstacles = f"{NODE}/points", f"{NODE}/obstacles"
    override = {f"qos_overrides.{points}.publisher.reliability": "best_effort"}
    node = start_node(transport__check=True, **override)
    graph.subscribe("label")
    graph.wait_for_camera_match(node)
    graph.exchange(image_message(picture(64, 96)), camera_info(96, 64), ("label",), node)

    graph.wait(lambda: "transport: of 5 clouds of 0.1 MB" in node.log, "what the check found", 60.0, node)

    assert "best effort: " in node.log  # how many arrive is the machine's affair: best effort may lose some
    assert "reliable: " not in node.log
    offered = {topic: graph.node.get_publishers_info_by_topic(topic)[0].qos_profile for topic in (points, obstacles)}
    assert offered[points].reliability == ReliabilityPolicy.BEST_EFFORT
    assert offered[obstacles].reliability == ReliabilityPolicy.RELIABLE, "an override of one topic is another's too"


def test_loss_is_told_with_the_variable_that_is_missing(share):
    missing = remedy(share, without_profile())

    assert "FASTRTPS_DEFAULT_PROFILES_FILE=" in missing or "FASTDDS_DEFAULT_PROFILES_FILE=" in missing
    assert str(share / "config" / "dds" / "fastdds.xml") in missing


def test_loss_with_a_profile_is_told_with_its_name(share):
    environment = without_profile() | {"FASTRTPS_DEFAULT_PROFILES_FILE": "/etc/own.xml"}

    assert "/etc/own.xml" in remedy(share, environment)
    assert "rmw_zenoh_cpp" in remedy(share, {"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"})


def test_a_message_that_is_missing_is_loss():
    arrival = Arrival(10**6, {"RELIABLE": [4.0] * MESSAGES, "BEST_EFFORT": [4.0] * (MESSAGES - 1)})

    assert arrival.lossy == ["BEST_EFFORT"]
    assert "best effort: 4 after 4 ms" in arrival.describe()
