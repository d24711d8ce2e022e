# SPDX-License-Identifier: Apache-2.0
"""Stand-in for octomap_server: octomap_server.cpp of the ros2 branch, with the camera as the frame of its map."""

from __future__ import annotations

import numpy as np
from consumer import Consumer, run, sensor_data
from sensor_msgs.msg import PointCloud2, PointField

PARAMETERS = {"frame_id": "map", "resolution": 0.05, "sensor_model.max_range": -1.0, "colored_map": False}


class Server(Consumer):
    """Counts the cells that a cloud makes occupied, and their colours.

    Args:
        colour: Whether its tree has colours (color_octomap_server_node).
    """

    def __init__(self, *, colour: bool) -> None:
        super().__init__("octomap_server", PARAMETERS)
        self._colour = colour
        self.create_subscription(PointCloud2, "cloud_in", self.take, sensor_data())

    def take(self, cloud: PointCloud2) -> None:
        fields = {field.name: field for field in cloud.fields}
        if fields["rgb"].datatype != PointField.FLOAT32:  # PCL: "Failed to find match for field 'rgb'"
            self.report(error="Failed to find match for field 'rgb'")
            return
        points = np.frombuffer(
            cloud.data,
            np.dtype(
                {
                    "names": ["x", "y", "z", "rgb"],
                    "formats": ["<f4", "<f4", "<f4", "<u4"],
                    "offsets": [fields[name].offset for name in ("x", "y", "z", "rgb")],
                    "itemsize": cloud.point_step,
                }
            ),
        )
        xyz = np.stack([points[axis] for axis in "xyz"], axis=1).astype(float)
        there = np.isfinite(xyz).all(axis=1)  # pcl::PassThrough drops the others
        limit = self.settings["sensor_model.max_range"]
        near = there & ((np.linalg.norm(xyz, axis=1) <= limit) | (limit < 0))
        cells, index = np.unique(
            np.floor(xyz[near] / self.settings["resolution"]).astype(int), axis=0, return_inverse=True
        )
        colors = set()
        if self._colour and self.settings["colored_map"]:
            packed = points["rgb"][near]
            colors = {(int(c) >> 16 & 255, int(c) >> 8 & 255, int(c) & 255) for c in np.unique(packed)}
        self.report(
            frame=cloud.header.frame_id,
            points=int(there.sum()),
            near=int(near.sum()),
            cells=len(cells),
            most=int(np.bincount(index.ravel()).max()) if len(cells) else 0,
            colors=sorted(colors),
        )


def color_octomap_server_node() -> None:
    run(lambda: Server(colour=True))


def octomap_server_node() -> None:
    run(lambda: Server(colour=False))
