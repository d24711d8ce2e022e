# SPDX-License-Identifier: Apache-2.0
"""The message types that are written, this package's among them, and messages of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from joint_perception.pipeline.share import share_folder

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

    from joint_perception.domains import Domain
    from joint_perception.geometry import Pinhole
    from joint_perception.pipeline.layout import CloudLayout, ImageLayout

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
POINT_CLOUD = "sensor_msgs/msg/PointCloud2"
CLASS_MAP = "joint_perception/msg/ClassMap"
_INFO_ARRAYS = ("d", "k", "r", "p")


def typestore() -> Typestore:
    """The definitions of ROS 2 Jazzy's common messages, which Kilted has unchanged, and of this package's own."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted(share_folder("msg").glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"joint_perception/msg/{file.stem}"))
    return store


class Messages:
    """Makes serialised messages.

    Args:
        store: Knows their types.
    """

    def __init__(self, store: Typestore) -> None:
        self._store = store

    def header(self, stamp: int, frame_id: str) -> Any:
        """A std_msgs/Header; the stamp in nanoseconds."""
        time = self._store.types["builtin_interfaces/msg/Time"](*divmod(stamp, 1_000_000_000))
        return self._store.types["std_msgs/msg/Header"](time, frame_id)

    def image(self, header: Any, layout: ImageLayout) -> bytes:
        """A sensor_msgs/Image."""
        return self._bytes(self._store.types[IMAGE](header, *layout), IMAGE)

    def compressed_image(self, header: Any, kind: str, data: bytes) -> bytes:
        """A sensor_msgs/CompressedImage; `kind` is its format."""
        message = self._store.types[COMPRESSED_IMAGE](header, kind, np.frombuffer(data, np.uint8))
        return self._bytes(message, COMPRESSED_IMAGE)

    def cloud(self, header: Any, layout: CloudLayout) -> bytes:
        """A sensor_msgs/PointCloud2."""
        field = self._store.types["sensor_msgs/msg/PointField"]
        given = layout._asdict() | {"fields": [field(**vars(one)) for one in layout.fields]}
        return self._bytes(self._store.types[POINT_CLOUD](header=header, **given), POINT_CLOUD)

    def camera_info(self, info: Any) -> bytes:
        """A sensor_msgs/CameraInfo, whose matrices may be lists."""
        for name in _INFO_ARRAYS:
            setattr(info, name, np.asarray(getattr(info, name), np.float64))
        return self._bytes(info, CAMERA_INFO)

    def plain_info(self, header: Any, camera: Pinhole) -> Any:
        """A sensor_msgs/CameraInfo, not serialised, of a camera without distortion."""
        k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
        p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
        whole = self._store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, do_rectify=False)
        matrices = ([0.0] * 5, k, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], p)
        d, k_, r, p_ = (np.array(matrix, np.float64) for matrix in matrices)
        kind = self._store.types[CAMERA_INFO]
        return kind(header, camera.height, camera.width, "plumb_bob", d, k_, r, p_, 0, 0, whole)

    def class_map(self, header: Any, domain: Domain, void_id: int) -> bytes:
        """What the label ids of a domain mean."""
        of_class = self._store.types["joint_perception/msg/SemanticClass"]
        classes = [
            of_class(i, name, *map(int, color))
            for i, (name, color) in enumerate(zip(domain.class_names, domain.colors, strict=True))
        ]
        return self._bytes(self._store.types[CLASS_MAP](header, domain.name, void_id, classes), CLASS_MAP)

    def _bytes(self, message: Any, kind: str) -> bytes:
        return bytes(self._store.serialize_cdr(message, kind))


def quality(*, latched: bool) -> Qos:
    """What the node offers, so that a replay latches what the node latches."""
    never = QosTime(0, 0)  # without deadline, lifespan and lease, as the node has none
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 5,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=never,
        lifespan=never,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=never,
        avoid_ros_namespace_conventions=False,
    )
