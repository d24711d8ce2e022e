# SPDX-License-Identifier: Apache-2.0
"""octomap_server and its semantic forks: PCL finds fields by name and type, colour is a float's bits."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from ros_graph import camera_info
from sensor_msgs.msg import PointField


@pytest.fixture
def fields(scene):
    return {field.name: field for field in scene.outputs["points"].fields}


def test_the_colour_field_is_one_that_pcl_takes_for_pointxyzrgb(fields):
    # pcl/common/point_tests.h, FieldMatches<PointT, fields::rgb>: "rgb" as FLOAT32, or "rgba" as UINT32.
    assert (fields["rgb"].datatype, fields["rgb"].count) == (PointField.FLOAT32, 1)
    assert "rgba" not in fields


def test_the_colour_of_every_point_is_the_pictures(scene, fields):
    cloud = scene.outputs["points"]
    data, colors = cloud.data.tobytes(), []

    for start in range(fields["rgb"].offset, len(data), cloud.point_step):
        value = struct.unpack_from("<f", data, start)[0]
        packed = struct.unpack("<I", struct.pack("<f", value))[0]  # through the float, as PCL does
        colors.append((packed >> 24, packed >> 16 & 255, packed >> 8 & 255, packed & 255))

    colors = np.array(colors).reshape(120, 168, 4)
    assert not colors[..., 0].any()
    np.testing.assert_array_equal(colors[..., 1:], scene.pixels)


def test_position_is_found_by_name(fields):
    assert [(fields[axis].datatype, fields[axis].count) for axis in "xyz"] == [(PointField.FLOAT32, 1)] * 3


def test_labels_and_confidence_are_found_by_name(scene, fields):
    assert fields["confidence"].datatype == PointField.FLOAT32
    assert fields["label"].datatype == PointField.UINT32
    np.testing.assert_array_equal(scene.points["label"], scene.array("label"))


def test_semantic_forks_find_their_fields_by_name(metres, latched):
    """semantic_octomap's PointXYZRGBSemantics...: x y z rgb semantic_color confidence, each a FLOAT32."""
    station = metres.station
    station.set(points__color="both")
    try:
        scene = station.show(metres.pixels, camera_info(168, 120), ("points", "label"))
    finally:
        station.set(points__color="image")
    cloud, points = scene.outputs["points"], scene.points
    fields = {field.name: field for field in cloud.fields}

    for name in ("x", "y", "z", "rgb", "semantic_color", "confidence"):
        assert (fields[name].datatype, fields[name].count) == (PointField.FLOAT32, 1), name
    assert cloud.width * cloud.height * cloud.point_step == len(cloud.data)
    colors = {entry.id: entry.r << 16 | entry.g << 8 | entry.b for entry in latched["metres"].classes}
    expected = np.vectorize(colors.get)(scene.array("label"))
    np.testing.assert_array_equal(points["semantic_color"].view(np.uint32), expected)
    # The rest is as it was.
    for name in ("x", "y", "z", "rgb", "label", "confidence"):
        np.testing.assert_array_equal(points[name].view(np.uint32), metres.points[name].view(np.uint32), err_msg=name)


def test_points_stay_within_the_range_of_a_sensor_model(scene):
    z = scene.points["z"]

    assert np.nanmin(z) > 0
    assert np.nanmax(z) <= 80.0
