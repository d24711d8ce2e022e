# SPDX-License-Identifier: Apache-2.0
"""depth_image_proc: its point_cloud_xyzrgb, fed with our depth and camera_info, must give our cloud."""

from __future__ import annotations

import numpy as np
import pytest
from ros_graph import camera_info
from sensor_msgs.msg import RegionOfInterest

WIDTH, HEIGHT = 168, 120
OUTPUTS = ("depth", "points", "camera_info", "label")


def point_cloud_xyzrgb(rgb, depth_image, info):
    """point_cloud_xyzrgb.cpp and conversions.hpp in plain Python: (H, W, 3) metres, (H, W, 3) colours."""
    if depth_image.shape != rgb.shape[:2]:
        raise ValueError("depth and rgb sizes differ: no cloud at all")
    fx, fy, cx, cy = info.p[0], info.p[5], info.p[2], info.p[6]  # image_geometry: intrinsics come from P
    to_metres = 0.001 if depth_image.dtype == np.uint16 else 1.0
    points = np.full((*depth_image.shape, 3), np.nan)
    for v in range(depth_image.shape[0]):
        for u in range(depth_image.shape[1]):
            depth = depth_image[v, u]
            valid = depth != 0 if depth_image.dtype == np.uint16 else np.isfinite(depth)
            if valid:
                z = float(depth) * to_metres
                points[v, u] = (u - cx) * z / fx, (v - cy) * z / fy, z
    return points, rgb


def assert_same_cloud(scene):
    """Equal but for the excluded classes, and for points beyond what millimetres can say."""
    theirs, colors = point_cloud_xyzrgb(scene.pixels, scene.array("depth"), scene.outputs["camera_info"])
    ours = np.stack([scene.points[axis] for axis in "xyz"], axis=2).astype(float)
    excluded = np.isin(scene.array("label"), scene.station.excluded_ids)
    beyond = ours[..., 2] > 65.535 if scene.outputs["depth"].encoding == "16UC1" else np.zeros_like(excluded)
    theirs[excluded] = np.nan
    ours[beyond] = np.nan

    assert np.isfinite(theirs).sum() > 1000
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    packed = scene.points["rgb"].view(np.uint32)
    np.testing.assert_array_equal(np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=2), colors)


def test_the_cloud_is_the_same(scene):
    assert_same_cloud(scene)


def test_camera_info_that_fits_comes_back_as_it_was(scene):
    assert scene.outputs["camera_info"] == scene.info


def projection(info):
    return info.p[0], info.p[5], info.p[2], info.p[6]


def show(station, info):
    return station.show(np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), info, OUTPUTS)


@pytest.fixture(params=["metres", "millimetres"])
def station(stations, request):
    return stations[request.param]


def test_the_rectified_camera_counts_where_both_are_given(station):
    info = camera_info(WIDTH, HEIGHT, fx=100.0)
    info.k[0], info.k[4], info.k[2], info.k[5] = 70.0, 71.0, 40.0, 41.0

    scene = show(station, info)

    assert_same_cloud(scene)
    assert scene.outputs["camera_info"] == info


def test_the_raw_camera_counts_where_it_is_alone_and_is_handed_on_as_the_rectified_one(station):
    info = camera_info(WIDTH, HEIGHT, fx=100.0)
    info.k[0], info.k[4], info.k[2], info.k[5] = 70.0, 71.0, 40.0, 41.0
    info.p = [0.0] * 12

    scene = show(station, info)

    assert_same_cloud(scene)
    assert projection(scene.outputs["camera_info"]) == (70.0, 71.0, 40.0, 41.0)


@pytest.mark.parametrize("factor", [2, 0.5])
def test_a_camera_info_of_another_size_is_scaled_about_pixel_edges(station, factor):
    info = camera_info(int(WIDTH * factor), int(HEIGHT * factor), fx=150.0)
    fx, fy, cx, cy = projection(info)

    scene = show(station, info)

    out = scene.outputs["camera_info"]
    assert_same_cloud(scene)
    assert (out.width, out.height) == (WIDTH, HEIGHT)
    expected = (fx / factor, fy / factor, (cx + 0.5) / factor - 0.5, (cy + 0.5) / factor - 0.5)
    assert projection(out) == pytest.approx(expected)


def test_binning_and_region_are_taken_out_of_it(station):
    info = camera_info(640, 480, fx=400.0)
    info.roi = RegionOfInterest(x_offset=30, y_offset=20, width=2 * WIDTH, height=2 * HEIGHT)
    info.binning_x = info.binning_y = 2
    fx, fy, cx, cy = projection(info)

    scene = show(station, info)

    out = scene.outputs["camera_info"]
    assert_same_cloud(scene)
    assert (out.width, out.height, out.binning_x, out.binning_y) == (WIDTH, HEIGHT, 0, 0)
    assert out.roi == RegionOfInterest()
    assert projection(out) == pytest.approx((fx / 2, fy / 2, (cx - 30 + 0.5) / 2 - 0.5, (cy - 20 + 0.5) / 2 - 0.5))


def test_a_camera_info_of_another_view_gives_no_cloud_but_a_reason(stations):
    station = stations["metres"]
    graph, scene = station.graph, show(station, camera_info(WIDTH, HEIGHT))
    wrong = camera_info(WIDTH, HEIGHT // 2)
    scene.image.header.stamp = wrong.header.stamp

    graph.send(scene.image, wrong)

    stats = graph.received["stats"]
    graph.wait(lambda: stats and "bad_camera_info" in stats[-1].drop_causes, "the reason", node=station.process)
    assert all(message.header.stamp != wrong.header.stamp for output in OUTPUTS for message in graph.received[output])
    assert f"camera_info is for {WIDTH}x{HEIGHT // 2} but the image is {WIDTH}x{HEIGHT}" in station.process.log
    assert_same_cloud(show(station, camera_info(WIDTH, HEIGHT)))
