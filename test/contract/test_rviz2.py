# SPDX-License-Identifier: Apache-2.0
"""RViz2: what its PointCloud2 and Image displays check before they draw."""

from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import PointField

# rviz_default_plugins: point_cloud_helpers.hpp and ros_image_texture.cpp.
FIELD_BYTES = {
    PointField.INT8: 1,
    PointField.UINT8: 1,
    PointField.INT16: 2,
    PointField.UINT16: 2,
    PointField.INT32: 4,
    PointField.UINT32: 4,
    PointField.FLOAT32: 4,
    PointField.FLOAT64: 8,
}
ENCODINGS = {"mono8": 1, "8UC1": 1, "16UC1": 2, "32FC1": 4, "rgb8": 3, "bgr8": 3, "8UC3": 3}
IMAGES = ("label", "label_color", "overlay", "depth")


def test_the_cloud_has_as_many_bytes_as_points(scene):
    cloud = scene.outputs["points"]

    assert cloud.width * cloud.height * cloud.point_step == len(cloud.data)
    assert cloud.row_step == cloud.width * cloud.point_step
    assert cloud.row_step * cloud.height == len(cloud.data)
    assert not cloud.is_bigendian


def test_the_fields_lie_in_the_point_and_not_upon_one_another(scene):
    cloud = scene.outputs["points"]
    taken = np.zeros(cloud.point_step, int)

    for field in cloud.fields:
        taken[field.offset : field.offset + FIELD_BYTES[field.datatype] * field.count] += 1
        assert field.offset + FIELD_BYTES[field.datatype] * field.count <= cloud.point_step

    assert taken.max() == 1
    assert len({field.name for field in cloud.fields}) == len(cloud.fields)


@pytest.mark.parametrize("name", ["x", "y", "z", "rgb"])
def test_position_and_colour_are_floats(scene, name):
    (field,) = (field for field in scene.outputs["points"].fields if field.name == name)

    assert (field.datatype, field.count) == (PointField.FLOAT32, 1)


def test_the_cloud_says_that_it_has_gaps(scene):
    assert np.isnan(scene.points["z"]).any()
    assert scene.outputs["points"].is_dense is False


def test_a_point_has_all_of_its_coordinates_or_none(scene):
    missing = [np.isnan(scene.points[axis]) for axis in "xyz"]

    np.testing.assert_array_equal(missing[0], missing[2])
    np.testing.assert_array_equal(missing[1], missing[2])
    assert not any(np.isinf(scene.points[axis]).any() for axis in "xyz")


@pytest.mark.parametrize("output", IMAGES)
def test_an_image_has_an_encoding_that_is_displayed_and_the_bytes_it_claims(scene, output):
    message = scene.outputs[output]

    assert message.step == message.width * ENCODINGS[message.encoding]
    assert message.step * message.height == len(message.data)
    assert message.is_bigendian == 0


def test_labels_are_ids_and_colours_have_a_topic_of_their_own(scene, latched_classes):
    colors = np.zeros((256, 3), np.uint8)
    for entry in latched_classes.classes:
        colors[entry.id] = entry.r, entry.g, entry.b

    assert scene.outputs["label"].encoding == "mono8"
    assert scene.outputs["label_color"].encoding == "rgb8"
    np.testing.assert_array_equal(scene.array("label_color"), colors[scene.array("label")])


def test_the_overlay_is_half_picture_half_colour(scene):
    blend = (scene.pixels.astype(float) + scene.array("label_color")) / 2

    np.testing.assert_allclose(scene.array("overlay"), blend, atol=1)
