# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch joint_perception depth_image_proc.launch.py config:=nyud image:=/camera/image_rect_color`."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_path
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from joint_perception.ros import composition

ARGUMENTS = (
    *composition.HANDED_ON,
    composition.CAMERA,
    composition.consumer_argument("true", "start depth_image_proc's point_cloud_xyzrgb"),
    ("points", "depth_registered/points", "topic of its cloud"),
    ("reliability", "best_effort", "best_effort or reliable: how it subscribes to the images (best_effort hears both)"),
    ("queue_size", "30", "images that wait for their depth: camera rate times the delay of the depth, and some more"),
)


def generate_launch_description() -> LaunchDescription:
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = get_package_share_path("joint_perception")
    composition.choice(given, "reliability", ("best_effort", "reliable"))
    image = composition.image_topic(given, share)
    info = composition.output("camera_info", given["camera"])
    beside = f"{image.rpartition('/')[0]}/camera_info" if "/" in image else "camera_info"
    parameters = {
        "use_sim_time": composition.flag(given, "use_sim_time"),
        # Depth and camera_info carry the stamp of their image: nothing has to be guessed.
        "exact_sync": True,
        "queue_size": int(composition.number(given, "queue_size", int)),
        f"qos_overrides.{composition.absolute(image, given['namespace'])}.subscription.reliability": given[
            "reliability"
        ],
    }

    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py"))),
        launch_arguments=composition.handed_on(given, share).items(),
    )
    if not composition.flag(given, "consumer"):
        return [perception]
    composition.require(["depth_image_proc"])
    cloud = Node(
        package="depth_image_proc",
        executable="point_cloud_xyzrgb_node",
        name="point_cloud_xyzrgb",
        namespace=given["namespace"],
        output="screen",
        parameters=[parameters],
        remappings=[
            ("rgb/image_rect_color", image),
            ("depth_registered/image_rect", composition.output("depth", given["camera"])),
            # Up to Humble it asks for the first; later for the camera_info beside the image that it resolved.
            ("rgb/camera_info", info),
            (beside, info),
            ("points", given["points"]),
        ],
        ros_arguments=["--log-level", given["log_level"]],
    )
    return [perception, cloud]
