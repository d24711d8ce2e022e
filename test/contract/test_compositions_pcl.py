# SPDX-License-Identifier: Apache-2.0
"""Independent readers: PCL's tools and Open3D read the bytes of our cloud, octomap's make a tree of its points."""

from __future__ import annotations

import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import PointField

from joint_perception.geometry import Cloud, write_ply

PCL_TYPES = {PointField.FLOAT32: ("F", 4), PointField.UINT32: ("U", 4)}
needs_pcl = pytest.mark.skipif(shutil.which("pcl_pcd2png") is None, reason="pcl-tools is not installed")
needs_octomap = pytest.mark.skipif(shutil.which("graph2tree") is None, reason="octomap-tools is not installed")


def run(folder, *command):
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def pcd(metres, tmp_path):
    """Our cloud as a PCD file: its field table as the header, its bytes as they are."""
    cloud = metres.outputs["points"]
    fields = sorted(cloud.fields, key=lambda field: field.offset)
    kinds = [PCL_TYPES[field.datatype] for field in fields]
    assert sum(size for _, size in kinds) == cloud.point_step, "PCD knows no padding"
    header = [
        "VERSION 0.7",
        "FIELDS " + " ".join(field.name for field in fields),
        "SIZE " + " ".join(str(size) for _, size in kinds),
        "TYPE " + " ".join(kind for kind, _ in kinds),
        "COUNT " + " ".join(str(field.count) for field in fields),
        f"WIDTH {cloud.width}",
        f"HEIGHT {cloud.height}",
        "VIEWPOINT 0 0 0 1 0 0 0",
        f"POINTS {cloud.width * cloud.height}",
        "DATA binary",
    ]
    file = tmp_path / "cloud.pcd"
    file.write_bytes("\n".join(header).encode() + b"\n" + cloud.data.tobytes())
    return file


@needs_pcl
def test_pcl_sees_the_picture_in_the_colours_of_the_points(metres, pcd):
    run(pcd.parent, "pcl_pcd2png", "--field", "rgb", pcd, "rgb.png")

    png = cv2.imread(str(pcd.parent / "rgb.png"), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(png[..., ::-1], metres.pixels)


@needs_pcl
def test_pcl_sees_the_mask_in_the_labels_of_the_points(metres, pcd):
    run(pcd.parent, "pcl_pcd2png", "--field", "label", "--colors", "mono", pcd, "label.png")

    png = cv2.imread(str(pcd.parent / "label.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(png, metres.array("label"))


@needs_pcl
def test_pcl_sees_the_same_points_row_by_row(metres, pcd):
    run(pcd.parent, "pcl_convert_pcd_ascii_binary", pcd, "ascii.pcd", 0)

    lines = (pcd.parent / "ascii.pcd").read_text().splitlines()
    start = lines.index("DATA ascii") + 1
    header = dict(line.split(" ", 1) for line in lines[1:start])
    assert header["FIELDS"] == "x y z rgb label confidence"
    assert (header["WIDTH"], header["HEIGHT"]) == ("168", "120")
    read = np.array([[float(value) for value in line.split()] for line in lines[start:]])
    for column, name in ((0, "x"), (1, "y"), (2, "z"), (4, "label"), (5, "confidence")):
        np.testing.assert_allclose(read[:, column], metres.points[name].ravel(), rtol=1e-5, err_msg=name)


@pytest.fixture
def ply(metres, tmp_path):
    """The points of the cloud as the PLY file that `joint_perception infer` writes."""
    points = metres.points
    data = np.ascontiguousarray(points).view(np.float32).reshape(*points.shape, -1)
    file = tmp_path / "cloud.ply"
    write_ply(Cloud(data), file)
    return file


def there(points):
    """The (N, 3) coordinates of the points of a cloud that has gaps."""
    xyz = np.stack([points[axis] for axis in "xyz"], axis=2).reshape(-1, 3)
    return xyz[np.isfinite(xyz).all(axis=1)]


@needs_pcl
def test_pcl_reads_our_ply(metres, ply):
    run(ply.parent, "pcl_ply2pcd", "-format", "0", ply, "ply.pcd")

    lines = (ply.parent / "ply.pcd").read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("DATA")) + 1
    assert lines[start - 1] == "DATA ascii"
    names = lines[2].split()[1:]
    read = np.array([[float(value) for value in line.split()] for line in lines[start:]])
    np.testing.assert_allclose(read[:, [names.index(axis) for axis in "xyz"]], there(metres.points), rtol=1e-5)


def test_open3d_reads_our_ply(metres, ply):
    o3d = pytest.importorskip("open3d")

    cloud = o3d.io.read_point_cloud(str(ply))

    np.testing.assert_allclose(np.asarray(cloud.points), there(metres.points), rtol=1e-6)
    seen = metres.pixels[np.isfinite(metres.points["z"])]
    np.testing.assert_array_equal(np.rint(np.asarray(cloud.colors) * 255), seen)


@needs_octomap
def test_octomap_has_an_occupied_cell_where_there_are_points(metres, tmp_path):
    resolution = 1.0
    points = np.stack([metres.points[axis] for axis in "xyz"], axis=2).reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)].astype(float)
    lines = ["NODE 0 0 0 0 0 0", *(f"{x:.6f} {y:.6f} {z:.6f}" for x, y, z in points)]
    (tmp_path / "scan.log").write_text("\n".join(lines) + "\n")

    run(tmp_path, "log2graph", "scan.log", "scan.graph")
    run(tmp_path, "graph2tree", "-i", "scan.graph", "-o", "tree.bt", "-res", resolution)
    run(tmp_path, "bt2vrml", "tree.bt")

    # Boxes may be several cells in one: their volume is what counts.
    sizes = [float(size) for size in re.findall(r"Box \{ size (\S+)", (tmp_path / "tree.bt.wrl").read_text())]
    cells = {tuple(cell) for cell in np.floor(points / resolution).astype(int)}
    assert len(cells) > 100
    assert sum(size**3 for size in sizes) == pytest.approx(len(cells) * resolution**3, rel=0.01)
