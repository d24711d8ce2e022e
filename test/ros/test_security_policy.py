# SPDX-License-Identifier: Apache-2.0
"""config/security/policy.xml against what a node opens: a topic without a permission, or the reverse, fails."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import rclpy
from own_domain import domain_of
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from joint_perception.ros.label_info import label_info_type
from joint_perception.ros.node import PerceptionNode

POLICY = Path(__file__).parents[2] / "config" / "security" / "policy.xml"
LABEL_INFO = "label_info"  # published where vision_msgs is installed
SIDES = {"publish": "topics", "subscribe": "topics", "reply": "services", "request": "services"}


def permissions(enclave):
    """Sides of the only profile of an enclave to the full names that are allowed."""
    (profile,) = ET.parse(POLICY).findall(f"enclaves/enclave[@path='{enclave}']/profiles/profile")
    namespace, node = profile.get("ns"), profile.get("node")
    allowed = {side: set() for side in SIDES}
    for element in profile:
        ((side, verdict),) = element.attrib.items()
        assert (verdict, element.tag) == ("ALLOW", SIDES[side])
        names = [resolved(name.text, namespace, node) for name in element]
        assert len(set(names)) == len(names)
        assert not allowed[side] & set(names), "a name stands once"
        allowed[side] |= set(names)
    return node, namespace, allowed


def resolved(name, namespace, node):
    """A name as sros2 resolves it (its templates/dds/permissions.xsl)."""
    if name.startswith("/"):
        return name
    below = namespace if namespace.endswith("/") else f"{namespace}/"
    return f"{below}{node}{name[1:]}" if name.startswith("~") else below + name


@pytest.fixture(scope="module")
def opened(checkpoints):
    """Full names that an active node has opened, by side."""
    # The graph is asked by the node's name: no other node of that name may be heard. One context for all three, since
    # another one would hear of the nodes before that are no more.
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_of("security policy"))

    def start(**parameters):
        given = {"weights": str(checkpoints(6)), "device": "cpu", "runtime": "torch", "autostart": False, **parameters}
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        node = PerceptionNode(context=context, parameter_overrides=overrides)
        try:
            assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
            assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
            who = node.get_name(), node.get_namespace()
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
    node, namespace, allowed = permissions(enclave)
    if label_info_type() is None:
        allowed["publish"] = {name for name in allowed["publish"] if not name.endswith(f"/{LABEL_INFO}")}

    who, found = opened(**parameters)

    assert who == (node, namespace)
    assert found == allowed


def test_label_info_may_be_published_for_each_camera():
    for enclave, cameras in (("/joint_perception", [""]), ("/joint_perception_cameras", ["/front", "/rear"])):
        published = permissions(enclave)[2]["publish"]
        assert {f"/joint_perception{camera}/{LABEL_INFO}" for camera in cameras} <= published


def test_a_name_that_is_missing_or_too_much_is_seen(opened):
    """The comparison above can fail: with simulated time the node hears /clock, which the policy does not allow."""
    _, _, allowed = permissions("/joint_perception")
    _, found = opened(use_sim_time=True)

    assert found["subscribe"] - allowed["subscribe"] == {"/clock"}
