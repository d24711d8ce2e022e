# SPDX-License-Identifier: Apache-2.0
"""ROS's own Python readers, where they are installed: sensor_msgs_py, image_geometry, message_filters."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from ros_graph import array_of, camera_info
from sensor_msgs.msg import CameraInfo, Image


def test_sensor_msgs_py_reads_the_cloud(scene):
    point_cloud2 = pytest.importorskip("sensor_msgs_py.point_cloud2")
    cloud = scene.outputs["points"]

    points = point_cloud2.read_points(cloud)
    xyz = point_cloud2.read_points_numpy(cloud, ["x", "y", "z"], skip_nans=True)

    assert points.dtype.names == ("x", "y", "z", "rgb", "label", "confidence")
    np.testing.assert_array_equal(points["label"].reshape(120, 168), scene.array("label"))
    there = np.isfinite(scene.points["z"])
    np.testing.assert_array_equal(xyz, np.stack([scene.points[axis][there] for axis in "xyz"], axis=1))


def test_image_geometry_sees_each_point_at_its_pixel(scene):
    image_geometry = pytest.importorskip("image_geometry")
    model = image_geometry.PinholeCameraModel()
    model.fromCameraInfo(scene.outputs["camera_info"])
    points = scene.points
    pixels = np.argwhere(np.isfinite(points["z"]))[::97]

    assert len(pixels) > 50
    for row, column in pixels:
        point = tuple(float(points[axis][row, column]) for axis in "xyz")
        assert model.project3dToPixel(point) == pytest.approx((column, row), abs=1e-3)


def test_image_geometry_takes_the_distortion_out_as_we_do(metres):
    image_geometry = pytest.importorskip("image_geometry")
    station, info = metres.station, camera_info(168, 120)
    info.d = [-0.3, 0.1, 0.001, -0.002, 0.0]
    station.set(rectify=True)
    try:
        kinds = {"image_rect": Image, "camera_info": CameraInfo}
        scene = station.overhear(metres.pixels, info, kinds, ("label", "points"))
    finally:
        station.set(rectify=False)
    model = image_geometry.PinholeCameraModel()
    model.fromCameraInfo(info)
    model.rectifyImage(metres.pixels, np.empty_like(metres.pixels))
    theirs = cv2.remap(metres.pixels, model.mapx, model.mapy, cv2.INTER_LINEAR)  # where it looks, linear as ours
    ours = array_of(scene.outputs["image_rect"]).astype(int)

    assert np.abs(ours - metres.pixels).mean() > 5, "it was never undistorted"
    assert np.abs(ours - theirs).mean() < 0.5
    told = image_geometry.PinholeCameraModel()
    told.fromCameraInfo(scene.outputs["camera_info"])
    np.testing.assert_allclose(told.P, model.P)
    assert not told.D.any()


def test_message_filters_pair_image_depth_and_camera_info_as_rtabmap_does(metres):
    """Exact stamps, ten waiting: the defaults of rtabmap.launch.py."""
    message_filters = pytest.importorskip("message_filters")
    station, joined = metres.station, []
    node, own = station.graph.node, station.graph.node_name
    inputs = [
        message_filters.Subscriber(node, Image, "/camera/image_rect_color"),
        message_filters.Subscriber(node, Image, f"{own}/depth"),
        message_filters.Subscriber(node, CameraInfo, f"{own}/camera_info"),
    ]
    filters = message_filters.TimeSynchronizer(inputs, 10)
    filters.registerCallback(lambda *messages: joined.append(messages))
    try:
        for _ in range(20):
            station.show(metres.pixels, camera_info(168, 120), ("depth",))
            station.graph.spin(0.2)
            if joined:
                break
    finally:
        for part in inputs:
            node.destroy_subscription(part.sub)

    image, depth, info = joined[0]
    assert image.header == depth.header == info.header
    assert (image.width, image.height) == (depth.width, depth.height) == (info.width, info.height)
