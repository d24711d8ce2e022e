# SPDX-License-Identifier: Apache-2.0
"""Transitions, parameters and the end of the process."""

from __future__ import annotations

import signal

import pytest
from camera_rig import CameraRig, level_of
from lifecycle_msgs.srv import GetState  # noqa: F401 (fails early where ROS is half installed)
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from ros_graph import camera_info, image_message, now, picture

from joint_perception.pipeline.parameter_table import PARAMETERS

WIDTH, HEIGHT = 96, 64


def frame():
    return image_message(picture(HEIGHT, WIDTH)), camera_info(WIDTH, HEIGHT)


def set_parameter(graph, name, value):
    """Set a string parameter; whether it was taken, and why not."""
    parameter = Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value))
    request = SetParameters.Request(parameters=[parameter])
    result = graph.call(SetParameters, "set_parameters", request).results[0]
    return result.successful, result.reason


def test_transitions_twice_round(graph, start_node):
    node = start_node(autostart=False)
    graph.subscribe("label", "classes")
    for _ in range(2):
        assert graph.state() == "unconfigured"
        assert graph.change_state("configure"), node.log
        assert graph.state() == "inactive"
        graph.received["classes"].clear()
        assert graph.change_state("activate"), node.log
        graph.wait_for_camera_match(node)
        graph.exchange(*frame(), ("label",), node)
        graph.wait(lambda: graph.received["classes"], "the class map", node=node)
        assert graph.change_state("deactivate"), node.log
        assert graph.state() == "inactive"
        graph.received["label"].clear()
        image, info = frame()
        info.header.stamp = image.header.stamp
        graph.send(image, info)
        graph.spin(0.5)
        assert not graph.received["label"], "an inactive node published"
        assert graph.change_state("activate"), node.log
        graph.wait_for_camera_match(node)
        graph.exchange(*frame(), ("label",), node)
        assert graph.change_state("deactivate"), node.log
        assert graph.change_state("cleanup"), node.log
    assert graph.change_state("shutdown"), node.log
    assert graph.state() == "finalized"


def test_impossible_transitions_are_refused_and_harmless(graph, start_node):
    node = start_node(autostart=False)
    for transition in ("activate", "deactivate", "cleanup", "no_such_thing"):
        assert not graph.change_state(transition)
    assert graph.state() == "unconfigured"
    assert graph.change_state("configure"), node.log
    assert not graph.change_state("configure")
    assert graph.change_state("activate"), node.log
    assert not graph.change_state("cleanup")
    assert graph.state() == "active"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"overlay.alpha": 1.5}, ["'overlay.alpha'", "1.5", "0.0 to 1.0"]),
        ({"points.excluded_classes": ["skye"]}, ["'skye'", "did you mean 'sky'"]),
    ],
)
def test_an_impossible_value_fails_the_transition_with_a_remedy(graph, start_node, parameters, words):
    node = start_node(autostart=False, **parameters)
    assert not graph.change_state("configure")
    assert graph.state() == "unconfigured"
    for word in words:
        assert word in node.log


def test_a_bad_configuration_fails_the_transition_with_a_remedy(graph, start_node, checkpoints):
    node = start_node(autostart=False)
    good = {"weights": str(checkpoints(6)), "device": "cpu", "domain": ""}
    for name, value, words in (
        ("weights", "", ["no weights given", "kitti"]),
        ("weights", "kittti", ["'kittti'", "nyud_kitti"]),
        ("weights", "/nowhere/w.ckpt", ["'/nowhere/w.ckpt'", "no such file"]),
        ("device", "cuda:77", ["'cuda:77'", "device auto or cpu"]),
        ("domain", "nyud", ["'nyud'", "40 classes", "kitti"]),
    ):
        said = len(node.log)
        assert set_parameter(graph, name, value) == (True, "")
        assert not graph.change_state("configure")
        assert graph.state() == "unconfigured"
        for word in words:
            assert word in node.log[said:]
        assert set_parameter(graph, name, good[name]) == (True, "")
    assert graph.change_state("configure"), node.log


def test_a_failed_start_can_be_set_right(graph, start_node, checkpoints):
    node = start_node(weights="/nowhere/w.ckpt")
    rig = CameraRig(graph, {})
    graph.wait(lambda: "autostart failed" in node.log, "the node to complain", node=node)
    assert graph.state() == "unconfigured"
    graph.wait(lambda: level_of(rig.status("engine")) == 2, "an error in the diagnostics", node=node)
    assert "cannot configure: weights '/nowhere/w.ckpt'" in rig.status("engine").message
    assert set_parameter(graph, "weights", str(checkpoints(6))) == (True, "")
    assert graph.change_state("configure"), node.log
    assert graph.change_state("activate"), node.log
    graph.wait(lambda: rig.status("engine").message == "active", "the error to be gone", node=node)
    refused, reason = set_parameter(graph, "weights", "kitti")
    assert not refused
    assert "clean up" in reason
    refused, reason = set_parameter(graph, "depth.encoding", "64FC1")
    assert not refused
    assert "16UC1" in reason


def test_unknown_parameters_are_named(graph, start_node):
    node = start_node(wieghts="kitti")
    graph.wait(lambda: "did you mean 'weights'" in node.log, "a complaint", node=node)
    graph.wait(lambda: graph.state() == "active", "the node to be active all the same", node=node)


def test_every_parameter_is_described(graph, start_node):
    start_node(autostart=False)
    names = [spec.name for spec in PARAMETERS]
    request = DescribeParameters.Request(names=names)
    descriptors = graph.call(DescribeParameters, "describe_parameters", request).descriptors
    assert [d.name for d in descriptors] == names
    for spec, descriptor in zip(PARAMETERS, descriptors, strict=True):
        assert spec.description in descriptor.description


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_busy_node_cleanly(graph, start_node, number):
    node = start_node()
    graph.subscribe("label", "points")
    graph.wait_for_camera_match(node)
    graph.exchange(*frame(), ("label",), node)
    image, info = image_message(picture(480, 640)), camera_info(640, 480)
    for _ in range(5):
        image.header.stamp = info.header.stamp = now()
        graph.send(image, info)
        graph.spin(0.05)
    assert node.interrupt(number) == 0, node.log
    assert "Traceback" not in node.log


def test_namespace_and_remapping(graph, start_node):
    start_node(["-r", "__ns:=/front", "-r", "__node:=eyes"])
    graph.node_name = "/front/eyes"
    graph.subscribe("classes")
    graph.wait(lambda: graph.received["classes"], "the class map under another name")
