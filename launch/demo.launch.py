# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch joint_perception demo.launch.py world:=rooms seconds:=30 rviz:=true`."""

from __future__ import annotations

import os

from ament_index_python.packages import get_package_share_path
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from joint_perception.demo.names import IMAGE_TOPIC
from joint_perception.demo.options import KINDS
from joint_perception.ros.dds import profile_environment

PACKAGE = "joint_perception"
CONFIGS = {"streets": "kitti", "rooms": "nyud"}  # whose labels are the world's own
ARGUMENTS = (
    ("world", "streets", f"{' or '.join(KINDS)}: which synthetic world the camera goes through"),
    ("seed", "0", "which one of those that no weights were trained on"),
    ("rate", "10", "frames a second"),
    ("seconds", "10", "how long the camera plays; then everything ends"),
    ("weights", "demo", "named weights or checkpoint file"),
    ("device", "auto", "auto, cpu, cuda or cuda:N"),
    ("scores", "", "JSON file that the scores are written to in the end (empty: none)"),
    ("rviz", "false", "start RViz2 with a view of the outputs"),
)
DRAIN_S = 2.0  # for the last frame to come out
END_S = "20"  # for the scores of a slow computer, where launch's 5 s are too few


def generate_launch_description() -> LaunchDescription:
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = get_package_share_path(PACKAGE)
    if given["world"] not in CONFIGS:
        raise ValueError(f"launch argument 'world' is {given['world']!r}; choose {' or '.join(CONFIGS)}")

    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share / "launch" / "perception.launch.py")),
        launch_arguments={
            "config": CONFIGS[given["world"]],
            "weights": given["weights"],
            "device": given["device"],
            "image": IMAGE_TOPIC,
            "rviz": given["rviz"],
        }.items(),
    )
    common = {
        "package": PACKAGE,
        "output": "screen",
        "additional_env": profile_environment(share, os.environ),
        "sigterm_timeout": END_S,
    }
    play = [part for name in ("world", "seed", "rate", "seconds") for part in (f"--{name}", given[name])]
    scores = ["--json", given["scores"]] if given["scores"] else []
    camera = Node(executable="demo_camera", arguments=play, **common)
    scorer = Node(executable="demo_scorer", arguments=scores, **common)
    end = TimerAction(period=DRAIN_S, actions=[EmitEvent(event=Shutdown(reason="the camera is through"))])
    return [
        perception,
        scorer,
        camera,
        RegisterEventHandler(OnProcessExit(target_action=camera, on_exit=[end])),
    ]
