# SPDX-License-Identifier: Apache-2.0
"""What the launch files that start a consumer beside the node have in common; needs no `launch`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from joint_perception.plain_yaml import load_yaml
from joint_perception.ros.run_command import find_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

NODE = "joint_perception"
# Launch arguments: name, default, description. These go to perception.launch.py as they are.
HANDED_ON = (
    ("config", "nyud", "nyud, kitti, nyud_kitti, demo, three_cameras, or the path of a parameter YAML"),
    ("weights", "", "named weights or checkpoint file, in place of the configuration's"),
    ("image", "", "topic of the camera images (empty: the configuration's, else `image`)"),
    ("camera_info", "", "topic of their camera_info (empty: camera_info beside the images)"),
    ("cameras", "", "names of several cameras, such as front,left,rear, each with its topics below its name"),
    ("namespace", "", "namespace of all nodes"),
    ("device", "", "auto, cpu, cuda or cuda:N, in place of the configuration's"),
    ("runtime", "", "auto, torch, openvino, onnxruntime or tensorrt, in place of the configuration's"),
    ("precision", "", "fp32, fp16 or bf16, in place of the configuration's"),
    ("rviz", "false", "start RViz2 with a view of the outputs"),
    ("use_sim_time", "false", "take the time from /clock"),
    ("log_level", "info", "debug, info, warn, error or fatal"),
)
# So do these, where the consumer does not take the camera's own images.
INPUT = (
    ("image_transport", "", "raw or compressed, in place of the configuration's"),
    ("rectify", "", "true: undistort the images by their camera_info"),
)
CAMERA = ("camera", "", "which of several cameras is meant")


class CompositionError(RuntimeError):
    """A launch argument that cannot be, or a package that is not installed."""


def consumer_argument(default: str, text: str) -> tuple[str, str, str]:
    """The launch argument that starts the consumer, or only our side."""
    return "consumer", default, f"{text}; false: only the perception node"


def handed_on(given: Mapping[str, str], share: Path) -> dict[str, str]:
    """The launch arguments of perception.launch.py.

    Args:
        given: The composition's own arguments, by name.
        share: The share folder of the package, where the configurations are.

    Raises:
        CompositionError: There are several cameras, and `camera` is none of them, or the other way round.
        ConfigurationError: The configuration is neither one of the package's nor a file.
    """
    cameras = [name.strip() for name in given["cameras"].split(",") if name.strip()]
    cameras = cameras or [str(name) for name in _parameters(given, share).get("cameras") or () if name]
    if given["camera"] not in (cameras or [""]):
        wanted = " or ".join(cameras) or "nothing: the configuration has but one camera"
        raise CompositionError(f"launch argument 'camera' is {given['camera']!r}; give {wanted}")
    arguments = {name: given[name] for name, _, _ in (*HANDED_ON, *INPUT) if name in given}
    if cameras:
        # There they would be the topics of all cameras; one camera's are in the configuration.
        arguments |= {"image": "", "camera_info": ""}
    return arguments


def output(name: str, camera: str = "") -> str:
    """The topic of one of the node's outputs, relative to the namespace.

    Args:
        name: `depth`, `points` and so on.
        camera: Name of one of several cameras.
    """
    return "/".join(part for part in (NODE, camera, name) if part)


def absolute(topic: str, namespace: str) -> str:
    """The topic as ROS resolves it for a node in that namespace."""
    if topic.startswith("/"):
        return topic
    return "/".join(("", *(part for part in namespace.split("/") if part), topic))


def image_topic(given: Mapping[str, str], share: Path) -> str:
    """The topic of the images that the node will subscribe to, for a consumer that takes them too.

    Args:
        given: The composition's arguments, by name.
        share: The share folder of the package, where the configurations are.

    Returns:
        Relative to the namespace, or absolute.

    Raises:
        CompositionError: By its configuration the node takes images that the consumer cannot.
        ConfigurationError: The configuration is neither one of the package's nor a file.
    """
    parameters, camera = _parameters(given, share), given["camera"]

    def setting(name: str) -> Any:
        own = parameters.get(f"{camera}.{name}") if camera else None
        return parameters.get(name) if own is None else own

    if setting("rectify") or setting("image_transport") == "compressed":
        raise CompositionError(
            f"configuration {given['config']!r} has rectify: true or image_transport: compressed, but the consumer "
            "takes the camera's images too, rectified and raw: let image_proc and image_transport republish make them"
        )
    topic = str(given["image"] or setting("image_topic") or "image")
    if topic.startswith("~/"):
        return f"{NODE}/{topic[2:]}"
    below = camera and not given["image"] and not parameters.get(f"{camera}.image_topic")
    return f"{camera}/{topic}" if below and not topic.startswith("/") else topic


def node_parameters(file: Path) -> dict[str, Any]:
    """The node's parameters in a parameter YAML, nested names joined by dots.

    Args:
        file: With the node's name, with wildcards or in namespaces; which of these is not looked at.
    """
    found: dict[str, Any] = {}

    def collect(tree: Any, prefix: str, *, inside: bool) -> None:
        for key, value in tree.items() if isinstance(tree, dict) else ():
            if inside and not isinstance(value, dict):
                found[prefix + str(key)] = value
            else:
                collect(value, f"{prefix}{key}." if inside else "", inside=inside or key == "ros__parameters")

    collect(load_yaml(file), "", inside=False)
    return found


def require(packages: Iterable[str], source: str = "") -> None:
    """Check that ROS packages are installed, before anything is started.

    Args:
        packages: Their names.
        source: Repository to build them from; empty: the distribution has them.

    Raises:
        CompositionError: One is not; says how to install it.
    """
    missing = [package for package in packages if not _installed(package)]
    if missing:
        distribution = os.environ.get("ROS_DISTRO", "$ROS_DISTRO")
        debian = " ".join(f"ros-{distribution}-{package.replace('_', '-')}" for package in missing)
        remedy = f"build {source} in this workspace" if source else f"sudo apt install {debian}"
        raise CompositionError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: {remedy} "
            "(or start only the perception node with consumer:=false)"
        )


def flag(given: Mapping[str, str], name: str) -> bool:
    """A launch argument that is true or false.

    Raises:
        CompositionError: It is neither.
    """
    if given[name].lower() not in ("true", "false", "1", "0"):
        raise CompositionError(f"launch argument {name!r} is {given[name]!r}; give true or false")
    return given[name].lower() in ("true", "1")


def choice(given: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """A launch argument that is one of several words.

    Raises:
        CompositionError: It is none of them.
    """
    if given[name] not in choices:
        wanted = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise CompositionError(f"launch argument {name!r} is {given[name]!r}; give {wanted}")
    return given[name]


def number(given: Mapping[str, str], name: str, kind: type[int | float] = float) -> float:
    """A launch argument that is a number.

    Raises:
        CompositionError: It is not.
    """
    try:
        return kind(given[name])
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise CompositionError(f"launch argument {name!r} is {given[name]!r}; give {wanted}") from None


def _parameters(given: Mapping[str, str], share: Path) -> dict[str, Any]:
    return node_parameters(find_config(given["config"], share))


def _installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True
