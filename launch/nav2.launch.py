# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch joint_perception nav2.launch.py config:=nyud image:=/camera/image_rect_color consumer:=true`."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_path
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from joint_perception.ros import composition

SEMANTIC = "semantic_segmentation_layer"
COSTMAP = "costmap/costmap"  # what the node calls itself, whatever it is told
ARGUMENTS = (
    *composition.HANDED_ON,
    *composition.INPUT,
    composition.CAMERA,
    composition.consumer_argument("false", "start a costmap, to look at, which needs no other part of Nav2"),
    ("semantic", "false", "give that costmap the semantic_segmentation_layer too"),
    ("global_frame", "odom", "frame of that costmap; TF must connect it with the camera's"),
    ("robot_base_frame", "base_link", "frame of the robot"),
)


def generate_launch_description() -> LaunchDescription:
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = get_package_share_path("joint_perception")
    here = Path(__file__).parent
    semantic = composition.flag(given, "semantic")
    sim_time = {"use_sim_time": composition.flag(given, "use_sim_time")}

    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(here / "perception.launch.py")),
        launch_arguments=composition.handed_on(given, share).items(),
    )
    if not composition.flag(given, "consumer"):
        return [perception]
    composition.require(["nav2_costmap_2d", "nav2_lifecycle_manager"])
    if semantic:
        composition.require([SEMANTIC], "https://github.com/kiwicampus/semantic_segmentation_layer")

    def topic(name: str) -> str:
        return composition.absolute(composition.output(name, given["camera"]), given["namespace"])

    own = sim_time | {
        "global_frame": given["global_frame"],
        "robot_base_frame": given["robot_base_frame"],
        "voxel_layer.obstacles.topic": topic("obstacles"),
        "voxel_layer.free_space.topic": topic("points"),
    }
    if semantic:
        inputs = {"segmentation": "label", "confidence": "confidence", "labels": "label_info", "pointcloud": "points"}
        own |= {f"{SEMANTIC}.camera.{name}_topic": topic(ours) for name, ours in inputs.items()}
    file = "semantic_costmap.yaml" if semantic else "costmap.yaml"
    logging = ["--log-level", given["log_level"]]
    costmap = Node(
        package="nav2_costmap_2d",
        executable="nav2_costmap_2d",
        output="screen",
        parameters=[str(here.parent / "config" / "nav2" / file), own],
        ros_arguments=logging,
    )
    manager = Node(
        package="nav2_lifecycle_manager",
        executable="lifecycle_manager",
        name="lifecycle_manager_costmap",
        output="screen",
        # The costmap by itself makes no bond, which the manager would wait for.
        parameters=[sim_time | {"autostart": True, "node_names": [COSTMAP], "bond_timeout": 0.0}],
        ros_arguments=logging,
    )
    return [perception, costmap, manager]
