# SPDX-License-Identifier: Apache-2.0
"""A recording's cameras as a Rerun scene: image, labels, depth, points and pose over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from joint_perception.geometry import CameraModelError
from joint_perception.offline.bags.compression import decode_depth
from joint_perception.pipeline import compressed, images
from joint_perception.pipeline.camera_info import pinhole_from_camera_info
from joint_perception.pipeline.errors import FrameError

if TYPE_CHECKING:
    import numpy.typing as npt

WORLD = "world"
TIMELINE = "stamp"
_QUANTUM = 1_000_000_000
_MILLIMETRES = 1000.0  # of a metre


class Scene:
    """Logs messages to Rerun, each below the frame that its header names.

    Args:
        rerun: The module.
        recording: The stream that is logged to.
        stride: Every n-th point of a cloud.
    """

    def __init__(self, rerun: Any, recording: Any, stride: int = 1) -> None:
        self._rr, self._recording, self._stride = rerun, recording, stride
        self._parents: dict[str, tuple[str, Any]] = {}
        self.frames: dict[str, None] = {}
        recording.log(WORLD, rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)

    def classes(self, message: Any) -> None:
        """What the label ids mean: a joint_perception/ClassMap."""
        known = [(c.id, c.name, (c.r, c.g, c.b)) for c in message.classes]
        void = (message.void_id, "void", (0, 0, 0))
        self._recording.log("/", self._rr.AnnotationContext([*known, void]), static=True)

    def transforms(self, message: Any) -> None:
        """Poses: a tf2_msgs/TFMessage."""
        for one in message.transforms:
            self._parents[one.child_frame_id.lstrip("/")] = (one.header.frame_id.lstrip("/"), one.transform)

    def info(self, message: Any) -> None:
        """A camera: a sensor_msgs/CameraInfo."""
        try:
            camera = pinhole_from_camera_info(message, message.width, message.height)
        except CameraModelError:
            return  # uncalibrated: its images are shown without a frustum
        self._log(
            message.header,
            "camera",
            self._rr.Pinhole(
                focal_length=(camera.fx, camera.fy),
                # Rerun's pixels begin at their corners, those of ROS are where their centres are.
                principal_point=(camera.cx + 0.5, camera.cy + 0.5),
                resolution=(camera.width, camera.height),
                camera_xyz=self._rr.ViewCoordinates.RDF,
            ),
        )

    def image(self, message: Any) -> None:
        """A colour image, as it is or compressed; one that cannot be decoded is left out."""
        try:
            rgb = compressed.to_rgb(message) if hasattr(message, "format") else images.to_rgb(message)
        except FrameError:
            return
        self._log(message.header, "camera/image", self._rr.Image(rgb).compress(jpeg_quality=85))

    def label(self, message: Any) -> None:
        """A label image."""
        self._log(message.header, "camera/label", self._rr.SegmentationImage(_pixels(message)))

    def depth(self, message: Any) -> None:
        """A depth image."""
        pixels = _pixels(message)
        meter = _MILLIMETRES if pixels.dtype == np.uint16 else 1.0
        self._log(message.header, "camera/depth", self._rr.DepthImage(np.nan_to_num(pixels), meter=meter))

    def points(self, message: Any) -> None:
        """A cloud of this package's."""
        words = np.frombuffer(message.data, np.float32).reshape(-1, message.point_step // 4)
        words = words[np.isfinite(words[:, 2])][:: self._stride]
        colors = np.ascontiguousarray(words[:, 3]).view(np.uint8).reshape(-1, 4)[:, 2::-1]
        self._log(message.header, "points", self._rr.Points3D(np.ascontiguousarray(words[:, :3]), colors=colors))

    def at(self, stamp: int) -> None:
        """What is logged from here on is of that time, nanoseconds."""
        self._recording.set_time(TIMELINE, timestamp=np.datetime64(stamp, "ns"))

    def log(self, frame_id: str, name: str, what: Any) -> None:
        """Log something of a frame at the present time."""
        self.frames.setdefault(frame_id)
        self._recording.log(self._rr.new_entity_path([WORLD, frame_id, *name.split("/")]), what)

    def _log(self, header: Any, name: str, what: Any) -> None:
        self.at(int(header.stamp.sec) * _QUANTUM + int(header.stamp.nanosec))
        frame_id = header.frame_id.lstrip("/") or "camera"
        rotation, translation = self._pose(frame_id)
        entity = self._rr.new_entity_path([WORLD, frame_id])
        self._recording.log(entity, self._rr.Transform3D(mat3x3=rotation, translation=translation))
        self.log(frame_id, name, what)

    def _pose(self, frame_id: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Of a frame in the root of its tree; without one, of a camera that looks ahead, z up."""
        if frame_id not in self._parents:
            return np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3)
        rotation, translation = np.eye(3), np.zeros(3)
        seen: set[str] = set()
        while frame_id in self._parents and frame_id not in seen:
            seen.add(frame_id)  # a tree that bites its tail
            frame_id, transform = self._parents[frame_id]
            turn = _matrix(transform.rotation)
            moved = np.array([transform.translation.x, transform.translation.y, transform.translation.z])
            rotation, translation = turn @ rotation, turn @ translation + moved
        return rotation, translation


def _matrix(q: Any) -> npt.NDArray[np.float64]:
    """The rotation of a unit quaternion."""
    x, y, z, w = q.x, q.y, q.z, q.w
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _pixels(message: Any) -> npt.NDArray[Any]:
    if hasattr(message, "format"):
        if "compressedDepth" in message.format:
            return decode_depth(bytes(message.data))
        return np.asarray(cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED))
    kind = {"mono8": "u1", "32FC1": "<f4", "16UC1": "<u2"}[message.encoding]
    return np.frombuffer(message.data, kind).reshape(message.height, message.width)
