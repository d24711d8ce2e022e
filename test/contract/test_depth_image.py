# SPDX-License-Identifier: Apache-2.0
"""Depth images by REP-118 and REP-117: units, invalid values, nothing clipped, the camera beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from joint_perception.network import load_network

FARTHEST = 80.0  # of the KITTI domain


def said_by_the_network(checkpoint, pixels, size=None):
    """Metres as the network says them, unchecked: float64 (H, W)."""
    mean, std = (np.array(v) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = torch.from_numpy((pixels / 255 - mean) / std).permute(2, 0, 1)[None]
    if size is not None:
        x = functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    with torch.inference_mode():
        depth = load_network(checkpoint).eval().double()(x).depth
        depth = functional.interpolate(depth, pixels.shape[:2], mode="bilinear", align_corners=False)
    return depth[0, 0].abs().numpy()


@pytest.fixture(scope="module")
def metres_said(scenes, far_sighted):
    return said_by_the_network(far_sighted, scenes["metres"].pixels)


@pytest.fixture(scope="module")
def millimetres_said(scenes, far_sighted):
    return said_by_the_network(far_sighted, scenes["millimetres"].pixels, (96, 128))


def test_floats_are_metres_and_nan_where_the_network_left_its_range(metres, metres_said):
    depth = metres.array("depth")
    sure = np.abs(metres_said - FARTHEST) > 1e-2

    assert metres.outputs["depth"].encoding == "32FC1"
    assert (metres_said[sure] > FARTHEST).any()
    np.testing.assert_array_equal(np.isnan(depth)[sure], (metres_said > FARTHEST)[sure])
    valid = np.isfinite(depth)
    np.testing.assert_allclose(depth[valid], metres_said[valid], rtol=1e-4)


def test_integers_are_millimetres_and_0_where_there_is_no_measurement(millimetres, millimetres_said):
    depth = millimetres.array("depth")
    sure = np.abs(millimetres_said - 65.535) > 1e-2

    assert millimetres.outputs["depth"].encoding == "16UC1"
    assert (millimetres_said[sure] > 65.535).any()
    np.testing.assert_array_equal((depth == 0)[sure], (millimetres_said > 65.535)[sure])
    valid = depth > 0
    np.testing.assert_allclose(depth[valid], 1000 * millimetres_said[valid], atol=0.5, rtol=1e-4)


def test_nothing_is_clipped_to_a_limit(metres, millimetres):
    for depth, limits in ((metres.array("depth"), (0.0, 1e-3, FARTHEST)), (millimetres.array("depth"), (1, 65535))):
        for limit in limits:
            assert np.count_nonzero(depth == limit) < 1e-3 * depth.size  # a few by chance


def test_no_infinities(metres):
    depth = metres.array("depth")

    assert not np.isinf(depth).any()
    assert np.nanmax(depth) <= FARTHEST


def test_depth_is_that_of_the_points(metres, millimetres):
    for scene in (metres, millimetres):
        z = scene.points["z"]
        there = np.isfinite(z) & (z <= 65.535)
        depth = scene.array("depth") * (0.001 if scene is millimetres else 1.0)
        np.testing.assert_allclose(depth[there], z[there], atol=0.00051 if scene is millimetres else 0.0)


def test_depth_is_along_the_optical_axis_not_along_the_ray(metres):
    points = metres.points
    there = np.isfinite(points["z"])
    ray = np.sqrt(sum(points[axis].astype(float) ** 2 for axis in "xyz"))

    np.testing.assert_array_equal(metres.array("depth")[there], points["z"][there])
    assert np.max(ray[there] / points["z"][there]) > 1.2  # the view is wide enough to tell the two apart


def test_a_camera_info_of_the_same_stamp_size_and_namespace_is_beside_it(scene):
    depth, info = scene.outputs["depth"], scene.outputs["camera_info"]
    topics = dict(scene.station.graph.node.get_topic_names_and_types())

    assert info.header == depth.header
    assert (info.width, info.height) == (depth.width, depth.height)
    assert info == scene.info  # it fitted as it was
    for name in ("depth", "camera_info"):
        assert f"{scene.station.graph.node_name}/{name}" in topics
