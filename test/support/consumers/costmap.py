# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for nav2_costmap_2d with its voxel and semantic layers, and for nav2_lifecycle_manager.

voxel_layer.cpp, obstacle_layer.cpp, observation_buffer.cpp; semantic_segmentation_layer.cpp, segmentation_buffer.cpp.
There is no TF: the camera looks along the ground from a height of 1 m.
"""

from __future__ import annotations

import numpy as np
from consumer import Consumer, ExactSync, latched, run, sensor_data
from sensor_msgs.msg import Image, PointCloud2

CAMERA_HEIGHT = 1.0
VOXEL, SEMANTIC = "voxel_layer", "semantic_segmentation_layer"
SOURCE = {
    "topic": "",
    "data_type": "LaserScan",
    "min_obstacle_height": 0.0,
    "max_obstacle_height": 0.0,
    "marking": True,
    "clearing": False,
    "obstacle_max_range": 2.5,
    "obstacle_min_range": 0.0,
    "raytrace_max_range": 3.0,
    "raytrace_min_range": 0.0,
}
COST = {
    "base_cost": 0,
    "max_cost": 0,
    "mark_confidence": 0,
    "samples_to_max_cost": 0,
    "dominant_priority": False,
}


def heights_and_ranges(cloud: PointCloud2) -> tuple[np.ndarray, np.ndarray]:
    """Of each point, in metres: over the ground, and from the camera."""
    offsets = {field.name: field.offset for field in cloud.fields}
    layout = {
        "names": ["x", "y", "z"],
        "formats": ["<f4"] * 3,
        "offsets": [offsets[a] for a in "xyz"],
        "itemsize": cloud.point_step,
    }
    points = np.frombuffer(cloud.data, np.dtype(layout))
    ranges = np.sqrt(sum(points[axis].astype(float) ** 2 for axis in "xyz"))
    return CAMERA_HEIGHT - points["y"].astype(float), ranges


class Costmap(Consumer):
    """Reports, of each cloud, how many points would mark and how many rays would clear."""

    def __init__(self) -> None:
        # As Costmap2DROS("costmap"): its own arguments come before those of the command line.
        super().__init__(
            "costmap",
            {"plugins": ["static_layer"], "global_frame": "map", "robot_base_frame": "base_link", "width": 5},
            cli_args=["--ros-args", "-r", "__ns:=/costmap"],
        )
        if VOXEL in self.settings["plugins"]:
            self._voxel_layer()
        if SEMANTIC in self.settings["plugins"]:
            self._semantic_layer()

    def _declare(self, prefix: str, defaults: dict) -> dict:
        return {key: self.declare_parameter(f"{prefix}.{key}", value).value for key, value in defaults.items()}

    def _voxel_layer(self) -> None:
        layer = self._declare(VOXEL, {"plugin": "", "max_obstacle_height": 2.0, "observation_sources": ""})
        self.report(layer=VOXEL, **layer)
        for name in layer["observation_sources"].split():
            source = self._declare(f"{VOXEL}.{name}", SOURCE)
            if source["data_type"] != "PointCloud2":
                self.report(error=f"{name} is a {source['data_type']}")
                continue

            def take(cloud: PointCloud2, name=name, source=source) -> None:
                heights, ranges = heights_and_ranges(cloud)
                low, high = source["min_obstacle_height"], source["max_obstacle_height"]
                kept = (heights >= low) & (heights <= high)  # false for NaN
                marking = kept & (heights <= layer["max_obstacle_height"]) & (ranges >= source["obstacle_min_range"])
                marking &= (ranges < source["obstacle_max_range"]) & source["marking"]
                self.report(
                    source=name,
                    frame=cloud.header.frame_id,
                    points=len(heights),
                    marking=int(marking.sum()),
                    clearing=int((kept & source["clearing"]).sum()),
                    organised=cloud.height > 1,
                )

            self.create_subscription(PointCloud2, source["topic"], take, sensor_data(50))

    def _semantic_layer(self) -> None:
        from vision_msgs.msg import LabelInfo  # noqa: PLC0415 (not everywhere)

        layer = self._declare(SEMANTIC, {"plugin": "", "observation_sources": ""})
        self.report(layer=SEMANTIC, **layer)
        (name,) = layer["observation_sources"].split()
        topics = ("segmentation_topic", "confidence_topic", "labels_topic", "pointcloud_topic")
        defaults = dict.fromkeys(topics, "") | {"class_types": [""], "max_obstacle_distance": 5.0}
        source = self._declare(f"{SEMANTIC}.{name}", defaults)
        costs = {}
        for kind in source["class_types"]:
            cost = self._declare(f"{SEMANTIC}.{name}.{kind}", {"classes": [""], **COST})
            costs |= dict.fromkeys(cost["classes"], cost)
        self._costs: dict = {}

        def labels(message) -> None:
            self._costs = {c.class_id: costs[c.class_name] for c in message.class_map if c.class_name in costs}
            unknown = [c.class_name for c in message.class_map if c.class_name not in costs]
            self.report(labels=len(message.class_map), unknown=unknown)

        def take(mask: Image, confidence: Image, cloud: PointCloud2) -> None:
            if not self._costs:
                return  # "Class map is empty because a labelinfo message has not been received"
            if len(mask.data) < mask.width * mask.height or mask.width * mask.height != cloud.width * cloud.height:
                self.report(error=f"mask of {mask.width}x{mask.height}, cloud of {cloud.width}x{cloud.height}")
                return
            _, ranges = heights_and_ranges(cloud)
            ids = np.frombuffer(mask.data, np.uint8)
            seen = np.unique(ids[np.isfinite(ranges) & (ranges < source["max_obstacle_distance"])])
            self.report(
                semantic=name,
                confidence=[confidence.encoding, len(confidence.data), max(confidence.data)],
                max_costs={int(i): self._costs[i]["max_cost"] for i in map(int, seen) if i in self._costs},
            )

        sync = ExactSync(3, 1000, take)
        kinds = (Image, "segmentation_topic"), (Image, "confidence_topic"), (PointCloud2, "pointcloud_topic")
        for index, (kind, topic) in enumerate(kinds):
            self.create_subscription(kind, source[topic], sync.slot(index), sensor_data(50))
        self.create_subscription(LabelInfo, source["labels_topic"], labels, latched(5))


class LifecycleManager(Consumer):
    """Reports whom it would manage."""

    def __init__(self) -> None:
        super().__init__("lifecycle_manager", {"autostart": False, "node_names": [""], "bond_timeout": 4.0})


def nav2_costmap_2d() -> None:
    run(Costmap)


def lifecycle_manager() -> None:
    run(LifecycleManager)
