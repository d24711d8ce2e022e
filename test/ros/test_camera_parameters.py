# SPDX-License-Identifier: Apache-2.0
"""The parameters of several cameras, and those that belong together."""

from __future__ import annotations

import pytest
from rclpy.parameter import Parameter

from joint_perception.pipeline.errors import ParameterError
from joint_perception.pipeline.parameter_table import BY_NAME, PER_CAMERA


def test_one_camera_has_no_name(declare):
    _, parameters = declare()

    parameters.check()

    assert parameters.cameras == ("",)
    assert parameters.of("")["domain"] == ""


def test_a_camera_takes_the_common_value_till_it_has_its_own(declare):
    node, parameters = declare("cameras:=[front, rear]", "domain:=nyud", "rear.domain:=kitti", "rear.depth.scale:=2")

    parameters.check()

    front, rear = parameters.of("front"), parameters.of("rear")
    assert parameters.cameras == ("front", "rear")
    assert (front["domain"], rear["domain"]) == ("nyud", "kitti")
    assert (front["depth.scale"], rear["depth.scale"], type(rear["depth.scale"])) == (1.0, 2.0, float)
    parameters.locked = True
    assert node.set_parameters([Parameter("front.domain", value="nyud_kitti")])[0].successful
    assert node.set_parameters([Parameter("overlay.alpha", value=0.25)])[0].successful
    assert (front["domain"], rear["domain"]) == ("nyud_kitti", "kitti")
    assert front["overlay.alpha"] == rear["overlay.alpha"] == 0.25


def test_a_cameras_own_parameters_are_there_to_be_seen_and_refuse_nonsense(declare):
    node, parameters = declare("cameras:=[front]")
    parameters.check()

    result = node.set_parameters([Parameter("front.depth.encoding", value="64FC1")])[0]

    assert not result.successful
    assert "'front.depth.encoding' is '64FC1'" in result.reason
    for name in PER_CAMERA:
        assert node.has_parameter(f"front.{name}")
        assert BY_NAME[name].description in node.describe_parameter(f"front.{name}").description
    assert parameters.unknown_overrides() == []


def test_a_camera_that_is_not_named_is_told(declare):
    _, parameters = declare("cameras:=[front]", "rear.domain:=kitti", "front.domian:=kitti")

    complaints = " ".join(parameters.unknown_overrides())

    assert "'rear.domain' does not exist" in complaints
    assert "did you mean 'front.domain'?" in complaints


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("cameras:=[front, front]",), "'front' twice"),
        (("cameras:=['front/left']",), "'front/left'; a name has letters"),
        (("cameras:=[depth]",), "'depth', as parameters begin"),
        (("cameras:=[front, rear]", "image_topic:=/camera/image"), "'/camera/image', which all cameras would share"),
        (("cameras:=[front]", "front.domain:=mars"), "'front.domain' is 'mars'"),
        (("cameras:=[front]", "front.points.excluded_classes:=[flor]"), "did you mean 'floor'"),
        (("depth.min:=5.0", "depth.max:=2.0"), "nothing lies between"),
        (("points.min_range:=5.0", "points.max_range:=5.0"), "nothing lies between"),
        (("obstacles.max_height:=0.1",), "nothing lies between"),
        (("grouping:=navigatoin",), "navigation"),
    ],
)
def test_what_does_not_go_together_fails_the_check(declare, given, told):
    _, parameters = declare(*given)

    with pytest.raises(ParameterError, match=told):
        parameters.check()


def test_while_configured_what_does_not_go_together_is_refused(declare):
    node, parameters = declare("depth.max:=5.0")
    parameters.check()
    parameters.locked = True

    result = node.set_parameters([Parameter("depth.min", value=6.0)])[0]

    assert not result.successful
    assert "6.0 and 5.0" in result.reason
    assert parameters["depth.min"] == 0.0


def test_the_classes_of_a_grouping_can_be_named(declare):
    node, parameters = declare("grouping:=navigation")
    parameters.check()

    assert node.set_parameters([Parameter("points.excluded_classes", value=["wall", "furniture"])])[0].successful
    assert not node.set_parameters([Parameter("points.excluded_classes", value=["furnitur"])])[0].successful
