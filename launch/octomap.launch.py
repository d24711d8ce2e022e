# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch joint_perception octomap.launch.py config:=nyud image:=/camera/image_rect_color frame_id:=odom`."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_path
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, SetParameter

from joint_perception.ros import composition

ARGUMENTS = (
    *composition.HANDED_ON,
    *composition.INPUT,
    composition.CAMERA,
    composition.consumer_argument("true", "start octomap_server"),
    ("frame_id", "odom", "fixed frame of the map; TF must connect it with the camera's"),
    ("resolution", "0.05", "edge of the map's cells, metres"),
    ("max_range", "5.0", "no cell becomes occupied farther from the camera than this, metres"),
    ("colors", "image", "of the points, and so of the cells: image, class, both (see points.color) or none"),
)


def generate_launch_description() -> LaunchDescription:
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = get_package_share_path("joint_perception")
    composition.choice(given, "colors", ("image", "class", "both", "none"))
    parameters = {
        "use_sim_time": composition.flag(given, "use_sim_time"),
        "frame_id": given["frame_id"],
        "resolution": composition.number(given, "resolution"),
        "sensor_model.max_range": composition.number(given, "max_range"),
        "colored_map": given["colors"] != "none",
    }

    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py"))),
        launch_arguments=composition.handed_on(given, share).items(),
    )
    coloured = [SetParameter("points.color", given["colors"])] if given["colors"] != "none" else []
    ours = GroupAction([*coloured, perception])
    if not composition.flag(given, "consumer"):
        return [ours]
    composition.require(["octomap_server"])
    server = Node(
        package="octomap_server",
        # Of the two, only this one has a tree with colours.
        executable="octomap_server_node" if given["colors"] == "none" else "color_octomap_server_node",
        name="octomap_server",
        namespace=given["namespace"],
        output="screen",
        parameters=[parameters],
        remappings=[("cloud_in", composition.output("points", given["camera"]))],
        ros_arguments=["--log-level", given["log_level"]],
    )
    return [ours, server]
