# SPDX-License-Identifier: Apache-2.0
"""An independent reader: our messages' bytes through rosbags, which shares no code with rclpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from ros_graph import OUTPUTS, camera_info

typesys = pytest.importorskip("rosbags.typesys")

MESSAGES = Path(__file__).parents[2] / "msg"


@pytest.fixture(scope="module")
def store():
    """rosbags' own definitions, and ours from their files."""
    store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    types = {}
    for file in MESSAGES.glob("*.msg"):
        types |= typesys.get_types_from_msg(file.read_text(), f"joint_perception/msg/{file.stem}")
    store.register(types)
    return store


@pytest.fixture(scope="module")
def serialised(stations, scenes):
    """The bytes of one message of each output."""
    station, received = stations["metres"], {}
    graph = station.graph
    subscriptions = []
    for output, kind in OUTPUTS.items():
        (offered,) = graph.node.get_publishers_info_by_topic(f"{graph.node_name}/{output}")
        subscriptions.append(
            graph.node.create_subscription(
                kind,
                f"{graph.node_name}/{output}",
                lambda data, output=output: received.setdefault(output, data),
                QoSProfile(depth=1, durability=offered.qos_profile.durability),
                raw=True,
            )
        )
    for _ in range(20):
        station.show(scenes["metres"].pixels, camera_info(168, 120))
        if received.keys() == OUTPUTS.keys():
            break
    for subscription in subscriptions:
        graph.node.destroy_subscription(subscription)
    return received


def assert_same(ours, theirs, path):
    """Field by field, a message of rclpy and one of rosbags."""
    if hasattr(ours, "get_fields_and_field_types"):
        for name in ours.get_fields_and_field_types():
            assert_same(getattr(ours, name), getattr(theirs, name), f"{path}.{name}")
    elif isinstance(ours, list) and ours and hasattr(ours[0], "get_fields_and_field_types"):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{path}[{index}]")
    elif isinstance(ours, str):
        assert ours == theirs, path
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=path)


@pytest.mark.parametrize("output", OUTPUTS)
def test_both_readers_see_the_same(output, serialised, store):
    kind, data = OUTPUTS[output], serialised[output]
    ours = deserialize_message(data, kind)

    theirs = store.deserialize_cdr(data, f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}")

    assert_same(ours, theirs, output)
    if output in ("label", "points"):
        assert len(theirs.data) == theirs.height * theirs.width * (24 if output == "points" else 1)
