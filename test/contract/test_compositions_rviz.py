# SPDX-License-Identifier: Apache-2.0
"""The view that comes with the package: each of its displays has a topic of the node, of its type and QoS."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

VIEW = Path(__file__).parents[2] / "config" / "rviz" / "perception.rviz"
KINDS = {
    "rviz_default_plugins/PointCloud2": "sensor_msgs/msg/PointCloud2",
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
}
DISPLAYS = [
    display
    for display in yaml.safe_load(VIEW.read_text())["Visualization Manager"]["Displays"]
    if display["Class"] in KINDS
]


def test_there_are_displays():
    assert {display["Class"] for display in DISPLAYS} == set(KINDS)


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: display["Name"])
def test_a_display_gets_what_it_shows(metres, display):
    graph, topic = metres.station.graph, display["Topic"]

    (offered,) = graph.node.get_publishers_info_by_topic(f"/{topic['Value']}")

    assert offered.topic_type == KINDS[display["Class"]]
    # What is asked for must not be more than what is offered.
    asked = topic.get("Reliability Policy", "Reliable"), topic.get("Durability Policy", "Volatile")
    assert asked[0] == "Best Effort" or offered.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert asked[1] == "Volatile" or offered.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
