# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch joint_perception rtabmap.launch.py config:=nyud image:=/camera/image_rect_color frame_id:=base_link`."""

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
    composition.consumer_argument("true", "start RTAB-Map"),
    ("frame_id", "base_link", "frame of the robot; TF must connect it with the camera's"),
    ("odom_frame_id", "", "frame of the robot's own odometry in TF (empty: odometry from the images, rgbd_odometry)"),
    ("database_path", "~/.ros/rtabmap.db", "where the map is kept"),
    ("new_map", "true", "begin a new map instead of going on with the one in database_path"),
    ("rtabmap_viz", "false", "start RTAB-Map's own viewer"),
    ("qos", "2", "reliability of RTAB-Map's subscriptions: 0 system default, 1 reliable, 2 best effort (hears both)"),
    ("queue_size", "30", "images that wait for their depth: camera rate times the delay of the depth, and some more"),
)


def generate_launch_description() -> LaunchDescription:
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = get_package_share_path("joint_perception")
    visual_odometry = not given["odom_frame_id"]
    viewer = composition.flag(given, "rtabmap_viz")
    new_map = composition.flag(given, "new_map")
    qos, queue = (int(composition.number(given, name, int)) for name in ("qos", "queue_size"))
    common = {
        "use_sim_time": composition.flag(given, "use_sim_time"),
        "frame_id": given["frame_id"],
        # Depth and camera_info carry the stamp of their image: nothing has to be guessed.
        "approx_sync": False,
        "topic_queue_size": queue,
        "sync_queue_size": queue,
        "qos_camera_info": qos,
    }
    mapping = common | {
        "subscribe_depth": True,
        "subscribe_rgb": True,
        "subscribe_odom_info": visual_odometry,
        "odom_frame_id": given["odom_frame_id"],
        "qos_image": qos,
        "qos_odom": qos,
    }
    topics = [
        ("rgb/image", composition.image_topic(given, share)),
        ("depth/image", composition.output("depth", given["camera"])),
        ("rgb/camera_info", composition.output("camera_info", given["camera"])),
    ]

    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py"))),
        launch_arguments=composition.handed_on(given, share).items(),
    )
    if not composition.flag(given, "consumer"):
        return [perception]
    packages = {"rtabmap_odom": visual_odometry, "rtabmap_slam": True, "rtabmap_viz": viewer}
    composition.require(package for package, wanted in packages.items() if wanted)

    def node(package: str, executable: str, parameters: dict[str, object], *arguments: str) -> Node:
        return Node(
            package=package,
            executable=executable,
            name=executable,
            namespace=given["namespace"],
            output="screen",
            parameters=[parameters],
            remappings=topics,
            arguments=list(arguments),
            ros_arguments=["--log-level", given["log_level"]],
        )

    nodes = [
        node(
            "rtabmap_slam",
            "rtabmap",
            mapping | {"database_path": given["database_path"]},
            *(["--delete_db_on_start"] if new_map else []),
        )
    ]
    if visual_odometry:
        nodes.append(node("rtabmap_odom", "rgbd_odometry", common | {"qos": qos}))
    if viewer:
        nodes.append(node("rtabmap_viz", "rtabmap_viz", mapping))
    return [perception, *nodes]
