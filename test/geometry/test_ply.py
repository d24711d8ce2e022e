# SPDX-License-Identifier: Apache-2.0
"""PLY files, read back by an independent reader."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.geometry import Pinhole, make_cloud, write_ply

try:
    import plyfile
except ModuleNotFoundError:
    plyfile = None

# The type names of the PLY format, after Greg Turk's description of it.
PLY_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4"}


def read_ply(path):
    """The vertices of a PLY file as a structured array: by plyfile where there is one, else by its header."""
    if plyfile is not None:
        return plyfile.PlyData.read(str(path))["vertex"].data
    header, end, body = path.read_bytes().partition(b"end_header\n")
    lines = [line.split() for line in header.decode("ascii").splitlines()]
    assert end
    assert lines[0] == ["ply"]
    assert lines[1] == ["format", "binary_little_endian", "1.0"]
    elements = [line for line in lines if line[0] == "element"]
    assert [line[1] for line in elements] == ["vertex"]
    dtype = np.dtype([(line[2], f"<{PLY_TYPES[line[1]]}") for line in lines if line[0] == "property"])
    count = int(elements[0][2])
    assert len(body) == count * dtype.itemsize
    return np.frombuffer(body, dtype)


@pytest.fixture
def cloud():
    """A cloud of 12 x 17 points with holes; every colour and label differs from its neighbour's."""
    rng = np.random.default_rng(3)
    depth = rng.uniform(0.5, 80, (12, 17)).astype(np.float32)
    depth[2:5, 3:9] = np.nan
    image = rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    labels = rng.integers(0, 256, (12, 17), dtype=np.uint8)
    confidence = rng.uniform(0, 1, (12, 17)).astype(np.float32)
    return make_cloud(image, labels, depth, confidence, Pinhole(20, 21, 8, 6, 17, 12), {int(labels[0, 0])})


def test_every_point_is_read_back_as_it_was(cloud, tmp_path):
    path = tmp_path / "cloud.ply"

    written = write_ply(cloud, path)

    vertices = read_ply(path)
    assert written == len(vertices) == cloud.valid.sum() < 12 * 17 - 18  # without the hole and the excluded class
    assert vertices.dtype.names == ("x", "y", "z", "red", "green", "blue", "label", "confidence")
    points = [(row, column) for row in range(12) for column in range(17) if np.isfinite(cloud.xyz[row, column, 2])]
    for vertex, at in zip(vertices, points, strict=True):
        assert [vertex[axis] for axis in "xyz"] == cloud.xyz[at].tolist()
        rgb = int(cloud.rgb[at])
        assert [vertex[name] for name in ("red", "green", "blue")] == list(rgb.to_bytes(3, "big"))
        assert vertex["label"] == cloud.labels[at]
        assert vertex["confidence"] == cloud.confidence[at]


def test_the_header_tells_unit_and_axes(cloud, tmp_path):
    write_ply(cloud, tmp_path / "cloud.ply")

    header = (tmp_path / "cloud.ply").read_bytes().partition(b"end_header")[0].decode("ascii")
    assert "comment metres, camera optical frame: x right, y down, z forward" in header


def test_a_cloud_without_points_is_a_file_without_vertices(tmp_path):
    nowhere = np.full((3, 4), np.nan, np.float32)
    zeros = np.zeros((3, 4), np.uint8)
    cloud = make_cloud(np.zeros((3, 4, 3), np.uint8), zeros, nowhere, nowhere, Pinhole(5, 5, 2, 1, 4, 3))

    assert write_ply(cloud, tmp_path / "empty.ply") == 0
    assert len(read_ply(tmp_path / "empty.ply")) == 0


def test_a_longer_file_of_that_name_is_replaced(cloud, tmp_path):
    path = tmp_path / "cloud.ply"
    path.write_bytes(b"x" * 100_000)

    write_ply(cloud, path)

    assert len(read_ply(path)) == cloud.valid.sum()


def test_a_folder_that_is_not_there_is_named(cloud, tmp_path):
    with pytest.raises(OSError, match="absent"):
        write_ply(cloud, tmp_path / "absent" / "cloud.ply")
