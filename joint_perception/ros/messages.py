# SPDX-License-Identifier: Apache-2.0
"""The core's arrays as messages; headers are the input's, untouched."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

from sensor_msgs.msg import Image, PointCloud2, PointField

from joint_perception.msg import ClassMap, SemanticClass
from joint_perception.pipeline.camera_info import camera_info_for, camera_matrices, pinhole_from_camera_info
from joint_perception.pipeline.layout import (
    ALL_FIELDS,
    bytes_of,
    cloud_layout,
    confidence_pixels,
    depth_pixels,
    image_layout,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    import numpy.typing as npt
    from std_msgs.msg import Header

    from joint_perception.domains import Domain
    from joint_perception.geometry import Cloud, PointSet

__all__ = [
    "camera_info_for",
    "camera_matrices",
    "class_map_message",
    "cloud_message",
    "confidence_message",
    "depth_message",
    "image_message",
    "pinhole_from_camera_info",
    "to_bytes",
]


def to_bytes(values: npt.NDArray[Any]) -> array.array[int]:
    """The bytes of an array as rclpy takes them without a look at each element: 0.5 ms, not 400, a cloud."""
    data = array.array("B")
    data.frombytes(bytes_of(values).data)
    return data


def image_message(header: Header, pixels: npt.NDArray[Any]) -> Image:
    """An image message.

    Args:
        header: Goes in as it is.
        pixels: As of `image_layout`.

    Raises:
        ValueError: Pixels of another shape or type.
    """
    layout = image_layout(pixels)._asdict()
    return Image(header=header, **(layout | {"data": to_bytes(layout["data"])}))


def depth_message(header: Header, depth: npt.NDArray[np.float32], encoding: str) -> Image:
    """A depth image by REP-118; arguments as of `depth_pixels`."""
    return image_message(header, depth_pixels(depth, encoding))


def cloud_message(
    header: Header,
    cloud: Cloud | PointSet,
    semantic_colors: npt.NDArray[np.uint8] | None = None,
    wanted: Collection[str] = ALL_FIELDS,
) -> PointCloud2:
    """A PointCloud2; the cloud, its colours and the fields that are wanted as of `cloud_layout`."""
    layout = cloud_layout(cloud, semantic_colors, wanted)
    fields = [PointField(**vars(field)) for field in layout.fields]
    return PointCloud2(header=header, **(layout._asdict() | {"fields": fields, "data": to_bytes(layout.data)}))


def confidence_message(header: Header, confidence: npt.NDArray[np.float32]) -> Image:
    """A mono8 image of (H, W) float32 probabilities 0..1 as 0..255, rounded."""
    return image_message(header, confidence_pixels(confidence))


def class_map_message(header: Header, domain: Domain, void_id: int) -> ClassMap:
    """What the label ids of a domain mean."""
    classes = [
        SemanticClass(id=i, name=name, r=r, g=g, b=b)
        for i, (name, (r, g, b)) in enumerate(zip(domain.class_names, domain.colors, strict=True))
    ]
    return ClassMap(header=header, domain=domain.name, void_id=void_id, classes=classes)
