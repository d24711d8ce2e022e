# SPDX-License-Identifier: Apache-2.0
"""What the demonstration's processes call one another's nodes, topics and frames."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from joint_perception.ros.optional import present

NODE_NAME = "/joint_perception"
LABEL_TOPIC, DEPTH_TOPIC, POINTS_TOPIC = f"{NODE_NAME}/label", f"{NODE_NAME}/depth", f"{NODE_NAME}/points"
CLASSES_TOPIC, STATS_TOPIC = f"{NODE_NAME}/classes", f"{NODE_NAME}/stats"

IMAGE_TOPIC = "/camera/image_rect_color"
INFO_TOPIC = "/camera/camera_info"
TRUE_LABEL_TOPIC = "/camera/ground_truth/label"
TRUE_DEPTH_TOPIC = "/camera/ground_truth/depth"
TRUE_CLASSES_TOPIC = "/camera/ground_truth/classes"
TRUE_TOPICS = (TRUE_LABEL_TOPIC, TRUE_DEPTH_TOPIC, TRUE_CLASSES_TOPIC)
TF_TOPIC = "/tf"

FRAME_ID = "camera_optical_frame"
WORLD_FRAME = "map"


def tf_type() -> type[Any] | None:
    """tf2_msgs/TFMessage; None where it is not installed (PyPI has no tf2_msgs for every distribution)."""
    return import_module("tf2_msgs.msg").TFMessage if present("tf2_msgs") else None
