# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: one table, from which declarations, checks and documentation come."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

from joint_perception.domains import DOMAINS
from joint_perception.ros.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rclpy.node import Node
    from rclpy.parameter import Parameter

# Parameters that rclpy declares itself.
_FOREIGN = ("use_sim_time", "start_type_description_service", "qos_overrides.")


@dataclass(frozen=True)
class Spec:
    """One parameter.

    Attributes:
        name: Its name.
        default: Its default; its type is the parameter's type.
        description: What it does, with units.
        live: True: takes effect from the next frame on. False: read when the node is configured, and can be
            set only while it is unconfigured.
        choices: The values it can have; empty: any.
        minimum: Least value of a number.
        maximum: Greatest value of a number.
    """

    name: str
    default: Any
    description: str
    live: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def check(self, value: Any) -> Any:
        """The value in the parameter's type.

        Raises:
            ParameterError: It has another type, or is not among the choices or in the range.
        """
        if isinstance(self.default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)  # YAML's 1 for 1.0, rclcpp#979
        if isinstance(self.default, list):
            if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                raise ParameterError(f"parameter {self.name!r} is {value!r}; it takes a list of strings")
            return list(value)
        if type(value) is not type(self.default):
            raise ParameterError(
                f"parameter {self.name!r} is {value!r}, of type {type(value).__name__}; it takes type "
                f"{type(self.default).__name__}, such as {self.default!r}"
            )
        if self.choices and value not in self.choices:
            choices = ", ".join(map(repr, self.choices))
            raise ParameterError(f"parameter {self.name!r} is {value!r}; choose one of {choices}")
        low, high = self.minimum, self.maximum
        # Written so that NaN fails.
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise ParameterError(f"parameter {self.name!r} is {value!r}; it must lie in {low} to {high}")
        return value

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` tells."""
        when = "Takes effect from the next frame on." if self.live else "Read when the node is configured."
        descriptor = ParameterDescriptor(
            name=self.name,
            description=f"{self.description} {when}",
            additional_constraints=f"One of: {', '.join(map(repr, self.choices))}" if self.choices else "",
            # A double that YAML writes as an integer must be declared so; check() sees to the type.
            dynamic_typing=isinstance(self.default, float),
        )
        if self.minimum is not None and self.maximum is not None and not isinstance(self.default, bool):
            if isinstance(self.default, int):
                descriptor.integer_range = [
                    IntegerRange(from_value=int(self.minimum), to_value=int(self.maximum), step=1)
                ]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=self.minimum, to_value=self.maximum, step=0.0)
                ]
        return descriptor


PARAMETERS: tuple[Spec, ...] = (
    Spec(
        "autostart",
        default=True,
        description="Configure and activate the node by itself when it starts; false leaves it to a manager.",
    ),
    Spec(
        "weights",
        default="",
        description="Name of published weights (`joint_perception weights list`), or path of a checkpoint file.",
    ),
    Spec(
        "domain",
        default="",
        description="What the labels mean: nyud, kitti or nyud_kitti; empty takes the domain of the weights.",
        choices=("", *DOMAINS),
    ),
    Spec("device", default="auto", description="Where the network runs: auto, cpu, cuda or cuda:N."),
    Spec(
        "image_topic",
        default="image",
        description="Topic of the rectified camera images, sensor_msgs/Image.",
    ),
    Spec(
        "camera_info_topic",
        default="",
        description="Topic of their sensor_msgs/CameraInfo, with equal stamps; empty: `camera_info` beside the images.",
    ),
    Spec(
        "pairing.queue_size",
        default=10,
        description="Images, and camera_infos, that wait for their partner of the same stamp.",
        minimum=1,
        maximum=1000,
    ),
    Spec(
        "network.width",
        default=0,
        description="Width in pixels the image is resized to for the network; 0, with height 0: the image's own. "
        "Outputs keep the image's size.",
        minimum=0,
        maximum=8192,
    ),
    Spec(
        "network.height",
        default=0,
        description="Height in pixels the image is resized to for the network; 0, with width 0: the image's own.",
        minimum=0,
        maximum=8192,
    ),
    Spec(
        "depth.encoding",
        default="32FC1",
        description="Encoding of ~/depth: 32FC1 is metres with NaN for no measurement, 16UC1 millimetres with 0 for "
        "none (up to 65.535 m).",
        live=True,
        choices=("32FC1", "16UC1"),
    ),
    Spec(
        "overlay.alpha",
        default=0.5,
        description="Share of the label colours in ~/overlay, 0 to 1.",
        live=True,
        minimum=0.0,
        maximum=1.0,
    ),
    Spec(
        "points.excluded_classes",
        default=["sky"],
        description="Names of classes that get no points in ~/points. A class that another domain has is ignored here.",
        live=True,
    ),
)

BY_NAME: dict[str, Spec] = {spec.name: spec for spec in PARAMETERS}
_CLASS_NAMES = sorted({name for domain in DOMAINS.values() for name in domain.class_names})


class Parameters:
    """The declared parameters of a node, checked.

    Args:
        node: The node; its parameters are declared here. A value from the command line or a YAML file that
            cannot be does not stop this: `check` tells of it.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._values: dict[str, Any] = {}
        self.locked = False  # True while the node is configured: only live parameters can be set
        for spec in PARAMETERS:
            self._values[spec.name] = _declare(node, spec)
        node.add_on_set_parameters_callback(self._on_set)

    def __getitem__(self, name: str) -> Any:
        """The present value, in the type of the table."""
        return self._values[name]

    def check(self) -> None:
        """Check every value.

        Raises:
            ParameterError: The first one that cannot be.
        """
        for name, value in self._values.items():
            self._values[name] = _check(name, value)
        width, height = self["network.width"], self["network.height"]
        if (width == 0) != (height == 0):
            raise ParameterError(
                f"parameters 'network.width' and 'network.height' are {width} and {height}; set both, or leave both 0"
            )

    def network_size(self) -> tuple[int, int] | None:
        """(height, width) for the network, None for the image's own."""
        return (self["network.height"], self["network.width"]) if self["network.width"] else None

    def _on_set(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        accepted: dict[str, Any] = {}
        for parameter in parameters:
            spec = BY_NAME.get(parameter.name)
            if spec is None:
                continue
            try:
                accepted[spec.name] = _check(spec.name, parameter.value)
            except ParameterError as error:
                return SetParametersResult(successful=False, reason=str(error))
            if self.locked and not spec.live:
                return SetParametersResult(
                    successful=False,
                    reason=f"parameter {spec.name!r} is read when the node is configured; deactivate and clean up the "
                    "node first, set it, then configure and activate again",
                )
        self._values.update(accepted)
        return SetParametersResult(successful=True)


def _declare(node: Node, spec: Spec) -> Any:
    try:
        value = node.declare_parameter(spec.name, spec.default, spec.descriptor()).value
    except (InvalidParameterTypeException, InvalidParameterValueException):
        node.declare_parameter(spec.name, spec.default, spec.descriptor(), ignore_override=True)
        return node._parameter_overrides[spec.name].value  # noqa: SLF001 (declaring hands over valid ones only)
    # ROS hands on an empty list, which has elements of no type, as no value.
    return [] if value is None and isinstance(spec.default, list) else value


def _check(name: str, value: Any) -> Any:
    value = BY_NAME[name].check(value)
    if name == "points.excluded_classes":
        for class_name in value:
            if class_name and class_name not in _CLASS_NAMES:
                nearest = _nearest(class_name, _CLASS_NAMES)
                raise ParameterError(f"parameter {name!r} names class {class_name!r}, which no domain has{nearest}")
    return value


def unknown_overrides(overrides: Mapping[str, Any]) -> list[str]:
    """A complaint for each parameter that was given and does not exist, with the nearest that does."""
    return [
        f"parameter {name!r} does not exist and is ignored{_nearest(name, BY_NAME)}"
        for name in overrides
        if name not in BY_NAME and not name.startswith(_FOREIGN)
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
