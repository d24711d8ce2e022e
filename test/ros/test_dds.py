# SPDX-License-Identifier: Apache-2.0
"""The DDS profiles: named unless the user has one, well-formed, and in force."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_path

from joint_perception.ros.dds import (
    CYCLONE_DDS,
    FAST_DDS_2,
    FAST_DDS_3,
    FAST_DDS_TRANSPORTS,
    middleware_of,
    profile_environment,
    use_profile,
)

PROFILE = Path(__file__).parents[2] / "config" / "dds" / "fastdds.xml"
CYCLONE_PROFILE = PROFILE.with_name("cyclonedds.xml")
NAMESPACE = "{http://www.eprosima.com}"
VARIABLES = (FAST_DDS_2, FAST_DDS_3)

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


@pytest.mark.parametrize(
    ("folder", "variable"),
    [("fastrtps", "FASTRTPS_DEFAULT_PROFILES_FILE"), ("fastdds", "FASTDDS_DEFAULT_PROFILES_FILE")],
)
def test_the_profile_is_named_for_the_generation_of_fast_dds_that_is_there(tmp_path, folder, variable):
    for prefix in ("overlay/share/mine", f"ros/share/{folder}"):
        (tmp_path / prefix).mkdir(parents=True)
    environment = {"AMENT_PREFIX_PATH": os.pathsep.join(str(tmp_path / p) for p in ("overlay", "ros", "gone"))}

    assert profile_environment(tmp_path, environment) == {variable: str(tmp_path / "config" / "dds" / "fastdds.xml")}


CYCLONE = {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}


@pytest.mark.parametrize("variable", [*VARIABLES, FAST_DDS_TRANSPORTS])
def test_a_profile_of_the_users_is_left_alone(tmp_path, variable):
    assert profile_environment(tmp_path, {variable: "/etc/own.xml"}) == {}
    assert profile_environment(tmp_path, {CYCLONE_DDS: "<CycloneDDS/>", **CYCLONE}) == {}


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_set_to_nothing_is_no_profile(tmp_path, variable):
    assert profile_environment(tmp_path, {variable: ""})
    assert profile_environment(tmp_path, {CYCLONE_DDS: "", **CYCLONE})


def test_the_profile_is_that_of_the_middleware_in_use(tmp_path):
    (uri,) = profile_environment(tmp_path, CYCLONE).values()
    assert uri == f"file://{tmp_path}/config/dds/cyclonedds.xml"
    assert list(profile_environment(tmp_path, {"RMW_IMPLEMENTATION": "rmw_fastrtps_dynamic_cpp"})) == [FAST_DDS_2]
    assert profile_environment(tmp_path, {"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"}) == {}


@pytest.mark.parametrize(
    ("installed", "loaded"),
    [
        (("rmw_cyclonedds_cpp",), "rmw_cyclonedds_cpp"),
        (("rmw_cyclonedds_cpp", "rmw_fastrtps_cpp"), "rmw_fastrtps_cpp"),
        ((), "rmw_fastrtps_cpp"),
    ],
)
def test_without_a_choice_the_middleware_is_the_default_or_the_only_one(tmp_path, installed, loaded):
    index = tmp_path / "share" / "ament_index" / "resource_index" / "rmw_typesupport"
    index.mkdir(parents=True)
    for name in installed:
        (index / name).touch()

    assert middleware_of({"AMENT_PREFIX_PATH": str(tmp_path)}) == loaded


def test_this_process_gets_it(tmp_path, monkeypatch):
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "")

    use_profile(tmp_path)

    assert [os.environ[v] for v in VARIABLES if os.environ[v]] == [str(tmp_path / "config" / "dds" / "fastdds.xml")]


@pytest.mark.parametrize("profile", [PROFILE, CYCLONE_PROFILE], ids=lambda path: path.stem)
def test_the_profile_is_installed(profile):
    installed = get_package_share_path("joint_perception") / "config" / "dds" / profile.name

    assert installed.read_bytes() == profile.read_bytes()


def test_the_cyclone_profile_holds_the_settings_that_big_messages_need():
    """Which elements there are and how they nest: Cyclone DDS' docs/manual/config.rst; it refuses any other."""
    root = ET.parse(CYCLONE_PROFILE).getroot()
    namespace = {"c": "https://cdds.io/config"}

    assert root.tag == "{https://cdds.io/config}CycloneDDS"
    assert root.find("c:Domain", namespace).get("Id") == "any"
    assert root.findtext("c:Domain/c:General/c:MaxMessageSize", namespaces=namespace) == "65500B"
    buffer = root.find("c:Domain/c:Internal/c:SocketReceiveBufferSize", namespace)
    # A least size that the kernel does not grant would keep every node of ours from starting.
    assert buffer.attrib == {"min": "default", "max": "64MiB"}


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
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment["ROS_DOMAIN_ID"] = str(215 + os.getpid() % 18)  # nobody else's: their segments would be mapped too
    without = segment_sizes(environment)
    if not without:
        pytest.skip("no shared memory here, or another middleware than the profile is for")

    environment.update(profile_environment(get_package_share_path("joint_perception"), environment))

    assert max(without) < LARGEST_MESSAGE
    assert max(segment_sizes(environment)) > 4 * LARGEST_MESSAGE
