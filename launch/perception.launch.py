# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch joint_perception perception.launch.py config:=kitti image:=/camera/image_rect_color`."""

from __future__ import annotations

import os

from ament_index_python.packages import get_package_share_path
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from joint_perception.ros.dds import profile_environment
from joint_perception.ros.run_command import find_config

PACKAGE = "joint_perception"
ARGUMENTS = (
    ("config", "nyud", "nyud, kitti, nyud_kitti, demo, three_cameras, or the path of a parameter YAML"),
    ("weights", "", "named weights or checkpoint file, in place of the configuration's"),
    ("image", "", "topic of the camera images (empty: the configuration's, else `image`)"),
    ("camera_info", "", "topic of their camera_info (empty: camera_info beside the images)"),
    ("cameras", "", "names of several cameras, such as front,left,rear, each with its topics below its name"),
    ("image_transport", "", "raw or compressed, in place of the configuration's"),
    ("rectify", "", "true: undistort the images by their camera_info"),
    ("namespace", "", "namespace of the node"),
    ("device", "", "auto, cpu, cuda or cuda:N, in place of the configuration's"),
    ("runtime", "", "auto, torch, openvino, onnxruntime or tensorrt, in place of the configuration's"),
    ("precision", "", "fp32, fp16 or bf16, in place of the configuration's"),
    ("rviz", "false", "start RViz2 with a view of the outputs"),
    ("use_sim_time", "false", "take the time from /clock"),
    ("log_level", "info", "debug, info, warn, error or fatal"),
)
END_S = "20"  # for the frame in hand, which on a slow CPU takes longer than launch's 5 s
# What an argument overrides in the configuration, when it is given.
PARAMETERS = {
    "weights": "weights",
    "device": "device",
    "runtime": "runtime",
    "precision": "precision",
    "image": "image_topic",
    "camera_info": "camera_info_topic",
    "image_transport": "image_transport",
}


def generate_launch_description() -> LaunchDescription:
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = get_package_share_path(PACKAGE)

    overrides: dict[str, object] = {"use_sim_time": flag(given["use_sim_time"], "use_sim_time")}
    for argument, parameter in PARAMETERS.items():
        if given[argument]:
            # A string whatever it looks like: launch_ros reads `weights:=12` as YAML, a number.
            overrides[parameter] = ParameterValue(given[argument], value_type=str)
    if given["cameras"]:
        overrides["cameras"] = [name.strip() for name in given["cameras"].split(",")]
    if given["rectify"]:
        overrides["rectify"] = flag(given["rectify"], "rectify")
    nodes = [
        Node(
            package=PACKAGE,
            executable="perception_node",
            name="joint_perception",
            namespace=given["namespace"],
            output="screen",
            emulate_tty=True,
            sigterm_timeout=END_S,
            parameters=[str(find_config(given["config"], share)), overrides],
            ros_arguments=["--log-level", given["log_level"]],
            additional_env=profile_environment(share, os.environ),
        )
    ]
    if flag(given["rviz"], "rviz"):
        nodes.append(
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=given["namespace"],
                arguments=["-d", str(share / "config" / "rviz" / "perception.rviz")],
                parameters=[{"use_sim_time": overrides["use_sim_time"]}],
            )
        )
    return nodes


def flag(text: str, name: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(f"launch argument {name!r} is {text!r}; give true or false")
    return text.lower() in ("true", "1")
