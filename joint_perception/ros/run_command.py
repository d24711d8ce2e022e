# SPDX-License-Identifier: Apache-2.0
"""`joint_perception run`: the node with the same YAML as the launch file, where there is no launch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

# Option to parameter.
_OVERRIDES = {
    "weights": "weights",
    "domain": "domain",
    "device": "device",
    "runtime": "runtime",
    "precision": "precision",
    "image_topic": "image_topic",
    "camera_info_topic": "camera_info_topic",
}


class ConfigurationError(ValueError):
    """A configuration file that is not there."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "run",
        help="run the ROS 2 node",
        description="Run the perception node, as perception.launch.py does. What follows --ros-args goes to ROS: "
        "remappings (-r), parameters (-p name:=value), --log-level.",
    )
    parser.add_argument("--config", default="nyud", help="nyud, kitti, nyud_kitti, demo, or a parameter YAML file")
    parser.add_argument("--weights", help="named weights or checkpoint file, in place of the configuration's")
    parser.add_argument("--domain", help="nyud, kitti or nyud_kitti, in place of the configuration's")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--runtime", help="auto, torch, openvino, onnxruntime or tensorrt")
    parser.add_argument("--precision", help="fp32, fp16 or bf16")
    parser.add_argument("--image-topic", help="sensor_msgs/Image topic (default: image)")
    parser.add_argument(
        "--camera-info-topic", help="sensor_msgs/CameraInfo topic (default: camera_info beside the images)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the node until it is interrupted.

    Raises:
        ConfigurationError: The configuration is neither one of the package's nor a file.
    """
    from ament_index_python.packages import get_package_share_path  # noqa: PLC0415 (absent without ROS)

    from joint_perception.ros.dds import use_profile  # noqa: PLC0415
    from joint_perception.ros.main import main  # noqa: PLC0415

    share = get_package_share_path("joint_perception")
    use_profile(share)
    arguments = ["joint_perception", "--ros-args", "--params-file", str(find_config(options.config, share))]
    for option, parameter in _OVERRIDES.items():
        value = getattr(options, option)
        if value is not None:
            # Quoted as YAML, whose strings JSON's are: a path that looks like a number stays a string. Not its
            # surrogate pairs, though, which YAML refuses.
            arguments += ["-p", f"{parameter}:={json.dumps(value, ensure_ascii=False)}"]
    return main([*arguments, *options.ros_arguments])


def find_config(name_or_path: str, share: Path) -> Path:
    """The file of a configuration.

    Args:
        name_or_path: `nyud`, `kitti`, `nyud_kitti`, `demo`, or the path of a YAML file.
        share: The package's share folder.

    Raises:
        ConfigurationError: Neither is there.
    """
    own = share / "config" / f"{name_or_path}.yaml"
    if own.is_file():
        return own
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    names = ", ".join(sorted(file.stem for file in (share / "config").glob("*.yaml")))
    raise ConfigurationError(f"configuration {name_or_path!r} is neither one of {names} nor a file")
