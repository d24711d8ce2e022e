# SPDX-License-Identifier: Apache-2.0
"""The Fast DDS profile: named unless the user has one, well-formed, and in force."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_path

from joint_perception.ros.dds import FAST_DDS_VARIABLES, use_profile

PROFILE = Path(__file__).parents[2] / "config" / "dds" / "fastdds.xml"
NAMESPACE = "{http://www.eprosima.com}"

# A cloud of 1242x375 points of 24 bytes, the largest of our messages at KITTI's size.
LARGEST_MESSAGE = 1242 * 375 * 24

MAPS_OF_A_NODE = """
import pathlib, rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("tester")
publisher = node.create_publisher(Image, "image", 5)
print(pathlib.Path("/proc/self/maps").read_text())
rclpy.shutdown()
"""


def test_the_profile_is_named_for_both_generations_of_fast_dds(tmp_path):
    environment = {"HOME": "/root"}

    assert use_profile(tmp_path, environment)

    file = str(tmp_path / "config" / "dds" / "fastdds.xml")
    assert environment == {"HOME": "/root", **dict.fromkeys(FAST_DDS_VARIABLES, file)}
    assert FAST_DDS_VARIABLES == ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


@pytest.mark.parametrize("variable", FAST_DDS_VARIABLES)
def test_a_profile_of_the_users_is_left_alone(tmp_path, variable):
    environment = {variable: "/etc/own.xml"}

    assert not use_profile(tmp_path, environment)

    assert environment == {variable: "/etc/own.xml"}


@pytest.mark.parametrize("variable", FAST_DDS_VARIABLES)
def test_a_variable_set_to_nothing_is_no_profile(tmp_path, variable):
    environment = {variable: ""}

    assert use_profile(tmp_path, environment)

    assert all(environment[name] for name in FAST_DDS_VARIABLES)


def test_by_default_it_is_this_process_that_gets_it(tmp_path, monkeypatch):
    for variable in FAST_DDS_VARIABLES:
        monkeypatch.setenv(variable, "")

    assert use_profile(tmp_path)

    assert all(Path(os.environ[name]) == tmp_path / "config" / "dds" / "fastdds.xml" for name in FAST_DDS_VARIABLES)


def test_the_profile_is_installed():
    installed = get_package_share_path("joint_perception") / "config" / "dds" / "fastdds.xml"

    assert installed.read_bytes() == PROFILE.read_bytes()


def test_the_profile_uses_the_transports_that_it_describes():
    root = ET.parse(PROFILE).getroot()

    described = {e.findtext(f"{NAMESPACE}transport_id"): e for e in root.iter(f"{NAMESPACE}transport_descriptor")}
    participant = next(root.iter(f"{NAMESPACE}participant"))
    used = [e.text for e in next(participant.iter(f"{NAMESPACE}userTransports"))]
    assert participant.get("is_default_profile") == "true"
    assert sorted(used) == sorted(described)
    assert {e.findtext(f"{NAMESPACE}type") for e in described.values()} == {"SHM", "UDPv4"}
    assert next(participant.iter(f"{NAMESPACE}useBuiltinTransports")).text == "false"


def segment_sizes(environment: dict[str, str]) -> list[int]:
    """Sizes in bytes of the shared memory segments that a node in a process of its own sends from."""
    done = subprocess.run(
        [sys.executable, "-c", MAPS_OF_A_NODE], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "rror" not in done.stderr, done.stderr
    found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) .*/dev/shm/fast\w+_[0-9a-f]{16}$", done.stdout, re.MULTILINE)
    return [int(end, 16) - int(start, 16) for start, end in found]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_with_the_profile_a_node_sends_from_a_segment_that_holds_several_clouds():
    environment = {name: value for name, value in os.environ.items() if name not in FAST_DDS_VARIABLES}
    environment["ROS_DOMAIN_ID"] = str(215 + os.getpid() % 18)  # nobody else's: their segments would be mapped too
    without = segment_sizes(environment)
    if not without:
        pytest.skip("no shared memory here, or another middleware than the profile is for")

    assert use_profile(get_package_share_path("joint_perception"), environment)

    assert max(without) < LARGEST_MESSAGE
    assert max(segment_sizes(environment)) > 4 * LARGEST_MESSAGE
