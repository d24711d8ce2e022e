# SPDX-License-Identifier: Apache-2.0
"""config/security/policy.xml against what a node opens: a topic without a permission, or the reverse, fails."""

from __future__ import annotations

import uuid
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from joint_perception.ros.label_info import label_info_type
from joint_perception.ros.node import PerceptionNode

POLICY = Path(__file__).parents[2] / "config" / "security" / "policy.xml"
LABEL_INFO = "label_info"  # published where vision_msgs is installed
SIDES = {"publish": "topics", "subscribe": "topics", "reply": "services", "request": "services"}


def permissions(enclave, namespace):
    """Of an enclave's only profile the node's name, and sides to the full names that it may open in a namespace."""
    (profile,) = ET.parse(POLICY).findall(f"enclaves/enclave[@path='{enclave}']/profiles/profile")
    assert profile.get("ns") == "/"
    node = profile.get("node")
    allowed = {side: set() for side in SIDES}
    for element in profile:
        ((side, verdict),) = element.attrib.items()
        assert (verdict, element.tag) == ("ALLOW", SIDES[side])
        names = [resolved(name.text, namespace, node) for name in element]
        assert len(set(names)) == len(names)
        assert not allowed[side] & set(names), "a name stands once"
        allowed[side] |= set(names)
    return node, allowed


def resolved(name, namespace, node):
    """A name as sros2 resolves it (its templates/dds/permissions.xsl)."""
    if name.startswith("/"):
        return name
    below = namespace if namespace.endswith("/") else f"{namespace}/"
    return f"{below}{node}{name[1:]}" if name.startswith("~") else below + name


@pytest.fixture(scope="module")
def opened(checkpoints):
    """Names that an active node has opened, by side; its name and namespace."""
    context = rclpy.Context()
    rclpy.init(context=context)

    def start(**parameters):
        # The graph is asked by the node's name: in a namespace of its own it is nobody else's, be it another test's, or
        # of one destroyed before, which goes with its last reference and takes the names of another like it along.
        namespace = f"/policy_{uuid.uuid4().hex}"
        given = {"weights": str(checkpoints(6)), "device": "cpu", "runtime": "torch", "autostart": False, **parameters}
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        node = PerceptionNode(context=context, parameter_overrides=overrides, namespace=namespace)
        try:
            assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
            assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
            assert node.get_namespace() == namespace
            who = node.get_name(), namespace
            found = {
                "publish": node.get_publisher_names_and_types_by_node(*who),
                "subscribe": node.get_subscriber_names_and_types_by_node(*who),
                "reply": node.get_service_names_and_types_by_node(*who),
                "request": node.get_client_names_and_types_by_node(*who),
            }
            return who, {side: {name for name, _ in names} for side, names in found.items()}
        finally:
            node.destroy_node()

    yield start
    rclpy.shutdown(context=context)


@pytest.mark.parametrize(
    ("enclave", "parameters"),
    [("/joint_perception", {}), ("/joint_perception_cameras", {"cameras": ["front", "rear"]})],
    ids=["one camera", "two cameras"],
)
def test_the_permissions_are_what_the_node_opens(enclave, parameters, opened):
    (name, namespace), found = opened(**parameters)

    node, allowed = permissions(enclave, namespace)
    if label_info_type() is None:
        allowed["publish"] = {topic for topic in allowed["publish"] if not topic.endswith(f"/{LABEL_INFO}")}
    assert name == node
    assert found == allowed


def test_label_info_may_be_published_for_each_camera():
    for enclave, cameras in (("/joint_perception", [""]), ("/joint_perception_cameras", ["/front", "/rear"])):
        published = permissions(enclave, "/")[1]["publish"]
        assert {f"/joint_perception{camera}/{LABEL_INFO}" for camera in cameras} <= published


def test_a_name_that_is_missing_or_too_much_is_seen(opened):
    """The comparison above can fail: with simulated time the node hears /clock, which the policy does not allow."""
    (_, namespace), found = opened(use_sim_time=True)

    assert found["subscribe"] - permissions("/joint_perception", namespace)[1]["subscribe"] == {"/clock"}
