# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node: declared from the table, checked, and read camera by camera."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

from joint_perception.domains import DOMAINS, DomainError
from joint_perception.pipeline.errors import ParameterError
from joint_perception.pipeline.groupings import load_grouping
from joint_perception.pipeline.parameter_table import BY_NAME, PARAMETERS, PER_CAMERA
from joint_perception.pipeline.settings import CameraSettings
from joint_perception.ros.descriptors import descriptor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rclpy.node import Node
    from rclpy.parameter import Parameter

    from joint_perception.pipeline.parameter_spec import Spec

# Parameters that rclpy declares itself.
_FOREIGN = ("use_sim_time", "start_type_description_service", "qos_overrides.")
_CLASS_LISTS = ("points.excluded_classes", "obstacles.floor_classes", "obstacles.excluded_classes")
# least, greatest: where the second is 0 it is no limit, except for heights.
_RANGES = (("depth.min", "depth.max"), ("points.min_range", "points.max_range"))
_CROPS = (("points.crop.left", "points.crop.right"), ("points.crop.top", "points.crop.bottom"))
_HEIGHTS = ("obstacles.min_height", "obstacles.max_height")
_CAMERA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED = frozenset(name.partition(".")[0] for name in BY_NAME) | {"qos_overrides"}
_CLASS_NAMES = frozenset(name for domain in DOMAINS.values() for name in domain.class_names)


class Parameters:
    """The declared parameters of a node, checked.

    Args:
        node: The node; its parameters are declared here. A value from the command line or a YAML file that
            cannot be does not stop this: `check` tells of it.

    Attributes:
        locked: True while the node is configured: only live parameters can be set.
        check_loaded: Gets the name in the table and the value, and raises ParameterError or DomainError where the
            loaded network cannot serve it; None: nothing is loaded.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._values: dict[str, Any] = {}
        self.locked = False
        self.check_loaded: Callable[[str, Any], None] | None = None
        for spec in PARAMETERS:
            self._values[spec.name] = _declare(node, spec)
        self._declare_cameras()
        node.add_on_set_parameters_callback(self._on_set)

    def __getitem__(self, name: str) -> Any:
        """The present value, in the type of the table."""
        return self._values[name]

    @property
    def cameras(self) -> tuple[str, ...]:
        """The names of the cameras; one empty name where there is but one."""
        return tuple(name for name in self["cameras"] if name) or ("",)

    def of(self, camera: str) -> CameraSettings:
        """The values that hold for a camera: its own, else the common ones. Live, not a copy."""
        return CameraSettings(self._values, camera)

    def check(self) -> None:
        """Check every value.

        Raises:
            ParameterError: The first one that cannot be.
        """
        self._values["cameras"] = BY_NAME["cameras"].check(self["cameras"])
        for camera in self.cameras:
            _check_camera_name(camera, self.cameras)
        self._declare_cameras()
        for name, value in self._values.items():
            self._values[name] = self._check(name, value)
        width, height = self["network.width"], self["network.height"]
        if (width == 0) != (height == 0):
            raise ParameterError(
                f"parameters 'network.width' and 'network.height' are {width} and {height}; set both, or leave both 0"
            )
        self._check_together(self._values)

    def network_size(self) -> tuple[int, int] | None:
        """(height, width) for the network, None for the image's own."""
        return (self["network.height"], self["network.width"]) if self["network.width"] else None

    def unknown_overrides(self) -> list[str]:
        """A complaint for each parameter that was given to the node and does not exist."""
        return unknown_overrides(self._node._parameter_overrides, self._values)  # noqa: SLF001 (rclpy has no other way)

    def _declare_cameras(self) -> None:
        # Unset until somebody sets it: till then the common value holds for the camera.
        cameras = self["cameras"] if isinstance(self["cameras"], list | tuple) else ()
        for camera in (name for name in cameras if isinstance(name, str) and _CAMERA_NAME.fullmatch(name)):
            for name in PER_CAMERA:
                own = f"{camera}.{name}"
                if own not in self._values:
                    descriptor = descriptor_of(BY_NAME[name])
                    descriptor.name, descriptor.dynamic_typing = own, True
                    descriptor.description += f" Camera {camera!r} alone; while it is not set, {name} holds."
                    descriptor.integer_range, descriptor.floating_point_range = [], []
                    self._values[own] = self._node.declare_parameter(own, None, descriptor).value

    def _check(self, name: str, value: Any) -> Any:
        spec = self._spec(name)
        if spec is None or (value is None and spec.name != name):
            return value
        try:
            value = spec.check(value)
            if spec.name == "grouping" and value:
                load_grouping(value)
            if self.check_loaded is not None:
                self.check_loaded(spec.name, value)
        except (ParameterError, DomainError) as error:
            told = str(error).replace(f"parameter {spec.name!r}", f"parameter {name!r}")
            prefix = "" if told.startswith("parameter") else f"parameter {name!r}: "
            raise ParameterError(prefix + told) from error
        return value

    def _check_together(self, values: Mapping[str, Any]) -> None:
        for camera in self.cameras:
            _check_camera(CameraSettings(values, camera), camera)

    def _spec(self, name: str) -> Spec | None:
        if name in BY_NAME:
            return BY_NAME[name]
        return BY_NAME.get(name.partition(".")[2]) if name in self._values else None

    def _on_set(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        accepted: dict[str, Any] = {}
        try:
            for parameter in parameters:
                spec = self._spec(parameter.name)
                if spec is None:
                    continue
                accepted[parameter.name] = self._check(parameter.name, parameter.value)
                if self.locked and not spec.live:
                    return SetParametersResult(
                        successful=False,
                        reason=f"parameter {parameter.name!r} is read when the node is configured; deactivate and "
                        "clean up the node first, set it, then configure and activate again",
                    )
            together = {**self._values, **accepted}
            for name, value in accepted.items():
                spec = self._spec(name)
                if spec is not None and spec.name in _CLASS_LISTS and value is not None:
                    camera = name.removesuffix(spec.name).rstrip(".")
                    _check_classes(name, value, CameraSettings(together, camera))
            if self.locked:  # before that the others may still be wrong, and are checked when the node is configured
                self._check_together(together)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values.update(accepted)
        return SetParametersResult(successful=True)


def _check_camera_name(camera: str, cameras: tuple[str, ...]) -> None:
    if camera and not _CAMERA_NAME.fullmatch(camera):
        raise ParameterError(f"parameter 'cameras' names {camera!r}; a name has letters, digits and _, a letter first")
    if camera in _RESERVED:
        raise ParameterError(f"parameter 'cameras' names {camera!r}, as parameters begin; give the camera another name")
    if cameras.count(camera) > 1:
        raise ParameterError(f"parameter 'cameras' names {camera!r} twice; each camera has a name of its own")


def _check_camera(settings: CameraSettings, camera: str) -> None:
    whose = f" of camera {camera!r}" if camera else ""
    if camera and settings.own("image_topic") is None and settings["image_topic"].startswith("/"):
        raise ParameterError(
            f"parameter 'image_topic' is {settings['image_topic']!r}, which all cameras would share; make it relative, "
            f"or set {camera}.image_topic"
        )
    for low, high in _RANGES:
        if 0 < settings[high] <= settings[low]:
            raise ParameterError(f"parameters {low!r} and {high!r}{whose} are {settings[low]} and {settings[high]}: "
                                 "nothing lies between")  # fmt: skip
    for before, after in _CROPS:
        if settings[before] + settings[after] >= 1:
            raise ParameterError(f"parameters {before!r} and {after!r}{whose} are {settings[before]} and "
                                 f"{settings[after]}: nothing is left of the image")  # fmt: skip
    low, high = _HEIGHTS
    if settings[high] <= settings[low]:
        raise ParameterError(f"parameters {low!r} and {high!r}{whose} are {settings[low]} and {settings[high]}: "
                             "nothing lies between")  # fmt: skip
    for name in _CLASS_LISTS:
        _check_classes(name, settings[name], settings)


def _check_classes(name: str, classes: Iterable[str], settings: CameraSettings) -> None:
    from joint_perception.engine.graph.contract import own_class_names  # noqa: PLC0415 (torch: not for --help)

    grouping, weights = settings["grouping"], settings["weights"]
    groups = load_grouping(grouping).class_names if grouping and isinstance(grouping, str) else ()
    known = _CLASS_NAMES | set(groups)
    known |= set(own_class_names(weights)) if isinstance(weights, str) else set()
    for class_name in classes:
        if class_name and class_name not in known:
            nearest = _nearest(class_name, sorted(known))
            raise ParameterError(f"parameter {name!r} names class {class_name!r}, which no domain has{nearest}")


def _declare(node: Node, spec: Spec) -> Any:
    try:
        value = node.declare_parameter(spec.name, spec.default, descriptor_of(spec)).value
    except (InvalidParameterTypeException, InvalidParameterValueException):
        node.declare_parameter(spec.name, spec.default, descriptor_of(spec), ignore_override=True)
        return node._parameter_overrides[spec.name].value  # noqa: SLF001 (declaring hands over valid ones only)
    # ROS hands on an empty list, which has elements of no type, as no value.
    return [] if value is None and isinstance(spec.default, list) else value


def unknown_overrides(overrides: Mapping[str, Any], known: Iterable[str] = BY_NAME) -> list[str]:
    """A complaint for each parameter that was given and does not exist, with the nearest that does."""
    known = list(known)
    return [
        f"parameter {name!r} does not exist and is ignored{_nearest(name, known)}"
        for name in overrides
        if name not in known and not name.startswith(_FOREIGN)
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
