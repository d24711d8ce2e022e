# SPDX-License-Identifier: Apache-2.0
"""The parameter table, and what a real rclpy node makes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter

from joint_perception.domains import DOMAINS
from joint_perception.pipeline.errors import ParameterError
from joint_perception.pipeline.parameter_table import BY_NAME, PARAMETERS
from joint_perception.ros.descriptors import descriptor_of
from joint_perception.ros.parameters import unknown_overrides

CONFIG = Path(__file__).parents[2] / "config"


# --- the table -------------------------------------------------------------------------------------


def test_names_are_unique():
    assert len(BY_NAME) == len(PARAMETERS)


@pytest.mark.parametrize("spec", PARAMETERS, ids=lambda spec: spec.name)
def test_every_default_passes_its_own_check_and_is_described(spec):
    assert spec.check(spec.default) == spec.default
    assert type(spec.check(spec.default)) is type(spec.default)
    assert spec.description.endswith(".")
    assert spec.description in descriptor_of(spec).description
    assert descriptor_of(spec).name == spec.name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", 5),
        ("weights", None),
        ("device", ["cpu"]),
        ("autostart", 1),
        ("autostart", "true"),
        ("network.width", True),
        ("network.width", 640.0),
        ("network.width", "640"),
        ("overlay.alpha", True),
        ("overlay.alpha", "0.5"),
        ("points.excluded_classes", "sky"),
        ("points.excluded_classes", [1]),
        ("points.excluded_classes", None),
        ("depth.focal_correction", True),
        ("depth.focal_correction", ["auto"]),
    ],
)
def test_another_type_is_refused_and_the_right_one_named(name, value):
    expected = "a list of strings" if name == "points.excluded_classes" else type(BY_NAME[name].default).__name__

    with pytest.raises(ParameterError, match=rf"{name}.*{expected}"):
        BY_NAME[name].check(value)


def test_an_integer_is_taken_for_a_double():
    value = BY_NAME["overlay.alpha"].check(1)

    assert value == 1.0
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("overlay.alpha", -0.01, "0.0 to 1.0"),
        ("overlay.alpha", 1.01, "0.0 to 1.0"),
        ("overlay.alpha", float("nan"), "0.0 to 1.0"),
        ("overlay.alpha", float("inf"), "0.0 to 1.0"),
        ("network.width", -1, "0 to 8192"),
        ("network.height", 8193, "0 to 8192"),
        ("pairing.queue_size", 0, "1 to 1000"),
        ("depth.encoding", "32fc1", "'32FC1', '16UC1'"),
        ("domain", "cityscapes", "'nyud', 'kitti', 'nyud_kitti'"),
        ("depth.focal_correction", "on", "'auto', 'off'"),
        ("depth.focal_correction", 0, "above zero"),
        ("depth.focal_correction", -1.5, "above zero"),
        ("depth.focal_correction", float("inf"), "above zero"),
        ("cameras", "front", "list of strings"),
    ],
)
def test_a_value_out_of_range_is_refused_and_the_range_told(name, value, told):
    with pytest.raises(ParameterError) as caught:
        BY_NAME[name].check(value)

    assert all(part in str(caught.value) for part in (name, repr(value), told))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("overlay.alpha", 0.0),
        ("overlay.alpha", 1.0),
        ("network.width", 8192),
        ("pairing.queue_size", 1),
        ("domain", ""),
        ("depth.focal_correction", 1.25),
        ("depth.focal_correction", "off"),
    ],
)
def test_the_ends_of_a_range_belong_to_it(name, value):
    assert BY_NAME[name].check(value) == value


@pytest.mark.parametrize("file", sorted(CONFIG.glob("*.yaml")), ids=lambda file: file.name)
def test_every_configuration_has_parameters_of_the_table_with_values_they_can_have(file, declare):
    content = yaml.safe_load(file.read_text())

    given = content["/**"]["ros__parameters"]
    assert list(content) == ["/**"]
    assert given
    own = {f"{camera}.{name}": spec for camera in given.get("cameras", ()) for name, spec in BY_NAME.items()}
    assert unknown_overrides(given, [*BY_NAME, *(name for name, spec in own.items() if spec.per_camera)]) == []
    for name, value in given.items():
        (BY_NAME | own)[name].check(value)


def test_there_is_a_configuration_for_each_domain():
    assert {file.stem for file in CONFIG.glob("*.yaml")} >= set(DOMAINS)


# --- unknown names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("weight", "weights"), ("network.widht", "network.width"), ("excluded_classes", "points.excluded_classes")],
)
def test_an_unknown_parameter_is_told_with_the_nearest_known_one(name, nearest):
    (complaint,) = unknown_overrides({name: 1})

    assert repr(name) in complaint
    assert f"did you mean {nearest!r}?" in complaint


def test_an_unknown_parameter_like_no_other_gets_no_suggestion():
    (complaint,) = unknown_overrides({"zzz": 1})

    assert "'zzz'" in complaint
    assert "mean" not in complaint


def test_parameters_of_ros_and_of_the_table_are_not_complained_of():
    ros = ["use_sim_time", "qos_overrides./camera/image.subscription.depth", "start_type_description_service"]

    assert unknown_overrides(dict.fromkeys([*ros, *BY_NAME], 1)) == []


# --- on a node -------------------------------------------------------------------------------------


def test_without_a_command_line_every_parameter_has_its_default(declare):
    node, parameters = declare()

    parameters.check()

    for spec in PARAMETERS:
        assert parameters[spec.name] == spec.default
        assert node.get_parameter(spec.name).value == spec.default


def test_the_command_line_is_heard(declare):
    _, parameters = declare(
        "weights:='/tmp/1.ckpt'", "network.width:=640", "network.height:=192", "points.excluded_classes:=[sky, road]"
    )

    parameters.check()

    assert parameters["weights"] == "/tmp/1.ckpt"
    assert parameters.network_size() == (192, 640)
    assert parameters["points.excluded_classes"] == ["sky", "road"]


def test_without_a_network_size_it_is_the_images_own(declare):
    _, parameters = declare()

    assert parameters.network_size() is None


@pytest.mark.parametrize("given", [("network.width:=640",), ("network.height:=192", "network.width:=0")])
def test_half_a_network_size_is_refused(declare, given):
    _, parameters = declare(*given)

    with pytest.raises(ParameterError, match=r"network.width.*network.height.*set both"):
        parameters.check()


def test_cameras_can_be_named_while_there_are_none(declare):
    node, parameters = declare()

    assert node.set_parameters([Parameter("cameras", value=["front", "rear"])])[0].successful
    assert not node.set_parameters([Parameter("cameras", value=[1, 2])])[0].successful

    parameters.check()
    assert parameters.cameras == ("front", "rear")
    assert node.has_parameter("rear.domain")


def test_an_integer_in_yaml_is_a_double_on_the_node(declare):
    node, parameters = declare("overlay.alpha:=1")

    parameters.check()

    assert isinstance(parameters["overlay.alpha"], float)
    assert node.set_parameters([Parameter("overlay.alpha", value=0)])[0].successful
    assert (parameters["overlay.alpha"], type(parameters["overlay.alpha"])) == (0.0, float)


@pytest.mark.parametrize("nothing", ["[]", "['']"])
def test_no_class_at_all_can_be_excluded(declare, nothing):
    _, parameters = declare(f"points.excluded_classes:={nothing}")

    parameters.check()

    assert not any(parameters["points.excluded_classes"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("weights:=5", "'weights' is 5"),
        ("autostart:=maybe", "'autostart' is 'maybe'"),
        ("network.width:=-5", "'network.width' is -5"),
        ("network.width:=640.5", "'network.width' is 640.5"),
        ("overlay.alpha:=3", "'overlay.alpha' is 3"),
        ("overlay.alpha:=.nan", "'overlay.alpha' is nan"),
        ("overlay.alpha:=half", "'overlay.alpha' is 'half'"),
        ("domain:=mars", "'domain' is 'mars'"),
        ("points.excluded_classes:=sky", "'points.excluded_classes' is 'sky'"),
        ("points.excluded_classes:=[1, 2]", r"'points.excluded_classes' is .*1, 2"),
        ("points.fields:=[rgb, intensity]", "'points.fields' has 'intensity'; choose out of 'x'"),
        ("points.crop.left:=0.6 points.crop.right:=0.4", "nothing is left of the image"),
        ("points.excluded_classes:=[skye]", "class 'skye', which no domain has; did you mean 'sky'"),
    ],
)
def test_a_wrong_command_line_does_not_end_the_node_but_fails_the_check(declare, given, told):
    _, parameters = declare(*re.findall(r"\S+:=(?:\[.*\]|\S+)", given))

    with pytest.raises(ParameterError, match=told):
        parameters.check()


def test_a_wrong_command_line_can_be_set_right(declare):
    node, parameters = declare("network.width:=wide", "network.height:=192")

    assert node.set_parameters([Parameter("network.width", value=640)])[0].successful

    parameters.check()
    assert parameters.network_size() == (192, 640)


def test_what_is_set_later_is_checked_and_the_reason_given(declare):
    node, parameters = declare()

    result = node.set_parameters([Parameter("points.excluded_classes", value=["flor"])])[0]

    assert not result.successful
    assert "did you mean 'floor'?" in result.reason
    assert parameters["points.excluded_classes"] == ["sky"]


def test_of_several_set_at_once_none_is_taken_where_one_is_wrong(declare):
    node, parameters = declare()

    result = node.set_parameters_atomically(
        [Parameter("depth.encoding", value="16UC1"), Parameter("overlay.alpha", value=2.0)]
    )

    assert not result.successful
    assert parameters["depth.encoding"] == "32FC1"
    assert node.get_parameter("depth.encoding").value == "32FC1"


def test_while_configured_only_live_parameters_can_be_set(declare):
    node, parameters = declare()
    parameters.locked = True
    other = {str: "navigation", int: 5, float: 0.25, list: ["road"]}

    for spec in PARAMETERS:
        choosy = spec.choices and not isinstance(spec.default, list)
        value = (
            spec.choices[-1]
            if choosy
            else ["label"]
            if spec.choices
            else other.get(type(spec.default), not spec.default)
        )
        assert value != spec.default
        result = node.set_parameters([Parameter(spec.name, value=value)])[0]

        assert result.successful == spec.live, spec.name
        assert parameters[spec.name] == (value if spec.live else spec.default)
        if not spec.live:
            assert "deactivate and clean up" in result.reason
        elif spec.default != []:  # back again: least and greatest values are checked together
            assert node.set_parameters([Parameter(spec.name, value=spec.default)])[0].successful, spec.name

    parameters.locked = False
    assert node.set_parameters([Parameter("weights", value="kitti")])[0].successful
    assert parameters["weights"] == "kitti"


def test_a_foreign_parameter_is_none_of_our_business(declare):
    node, parameters = declare()
    parameters.locked = True

    assert node.set_parameters([Parameter("use_sim_time", value=True)])[0].successful


def test_the_descriptors_tell_type_range_and_choices(declare):
    node, _ = declare()

    (width,) = node.describe_parameter("network.width").integer_range
    (alpha,) = node.describe_parameter("overlay.alpha").floating_point_range
    assert (width.from_value, width.to_value) == (0, 8192)
    assert (alpha.from_value, alpha.to_value) == (0.0, 1.0)
    assert "'16UC1'" in node.describe_parameter("depth.encoding").additional_constraints
    assert node.describe_parameter("points.excluded_classes").type == ParameterType.PARAMETER_STRING_ARRAY
    assert node.describe_parameter("autostart").type == ParameterType.PARAMETER_BOOL
