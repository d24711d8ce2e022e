# SPDX-License-Identifier: Apache-2.0
"""Clouds as PLY files, for MeshLab, CloudCompare and Open3D."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.geometry.cloud import Cloud

_VERTEX = np.dtype(
    [
        *((name, "<f4") for name in ("x", "y", "z")),
        *((name, "u1") for name in ("red", "green", "blue", "label")),
        ("confidence", "<f4"),
    ]
)
_PLY_TYPES = {"<f4": "float", "|u1": "uchar"}


def write_ply(cloud: Cloud, path: Path) -> int:
    """Write the points of a cloud as binary PLY; pixels without a point are left out.

    Args:
        cloud: What to write.
        path: The file; replaced if it exists.

    Returns:
        Number of points written.
    """
    valid = cloud.valid
    xyz, rgb = cloud.xyz[valid], cloud.rgb[valid]
    vertices = np.empty(len(xyz), _VERTEX)
    for axis, name in enumerate("xyz"):
        vertices[name] = xyz[:, axis]
    for shift, name in ((16, "red"), (8, "green"), (0, "blue")):
        vertices[name] = rgb >> shift & 255
    vertices["label"] = cloud.labels[valid]
    vertices["confidence"] = cloud.confidence[valid]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment metres, camera optical frame: x right, y down, z forward",
        f"element vertex {len(vertices)}",
        *(f"property {_PLY_TYPES[_VERTEX[name].str]} {name}" for name in _VERTEX.names or ()),
        "end_header",
    ]
    with path.open("wb") as file:
        file.write(("\n".join(header) + "\n").encode("ascii"))
        file.write(vertices.tobytes())
    return len(vertices)


def read_ply(path: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Read what `write_ply` wrote.

    Args:
        path: The file.

    Returns:
        (N, 3) float32 metres and (N, 3) uint8 RGB.

    Raises:
        ValueError: It is another file.
    """
    header, end, body = path.read_bytes().partition(b"end_header\n")
    if not end or b"property float confidence" not in header or len(body) % _VERTEX.itemsize:
        raise ValueError(f"{str(path)!r} is no PLY of this package; give one that infer, video or the demo wrote")
    vertices = np.frombuffer(body, _VERTEX)
    xyz = np.stack([vertices[name] for name in ("x", "y", "z")], axis=-1)
    rgb = np.stack([vertices[name] for name in ("red", "green", "blue")], axis=-1)
    return xyz, rgb
