# SPDX-License-Identifier: Apache-2.0
"""Nav2's semantic_segmentation_layer: a mask and a cloud walked in lock-step, and classes known beforehand."""

from __future__ import annotations

import struct

import numpy as np


def walk(mask, cloud):
    """What segmentation_buffer.cpp sees: a class id of the mask with each point, row by row, while both last."""
    assert mask.width * mask.height == cloud.width * cloud.height
    offsets = [next(f.offset for f in cloud.fields if f.name == axis) for axis in "xyz"]
    data = cloud.data.tobytes()
    for index, class_id in enumerate(mask.data):
        start = index * cloud.point_step
        yield class_id, tuple(struct.unpack_from("<f", data, start + offset)[0] for offset in offsets)


def test_the_mask_is_bytes_without_padding(scene):
    mask = scene.outputs["label"]

    assert (mask.encoding, mask.step) == ("mono8", mask.width)
    assert len(mask.data) == mask.width * mask.height


def test_the_cloud_is_organised_as_the_mask_is(scene):
    mask, cloud = scene.outputs["label"], scene.outputs["points"]

    assert (cloud.height, cloud.width) == (mask.height, mask.width)
    assert cloud.height > 1
    assert mask.header == cloud.header


def test_each_point_met_with_a_pixel_is_that_pixels(scene):
    fx, _, cx, _, _, fy, cy = scene.info.p[:7]
    met = 0

    for index, (_, (x, y, z)) in enumerate(walk(scene.outputs["label"], scene.outputs["points"])):
        if np.isfinite(z):
            row, column = divmod(index, scene.image.width)
            assert abs(x / z * fx + cx - column) < 1e-3
            assert abs(y / z * fy + cy - row) < 1e-3
            met += 1

    assert met > 1000


def test_the_class_met_with_a_point_is_the_points_own(scene):
    classes = [class_id for class_id, _ in walk(scene.outputs["label"], scene.outputs["points"])]

    np.testing.assert_array_equal(classes, scene.points["label"].ravel())


def test_excluded_pixels_keep_their_place(scene):
    labels, z = scene.array("label"), scene.points["z"]
    excluded = np.isin(labels, scene.station.excluded_ids)

    assert excluded.any()
    assert np.isnan(z[excluded]).all()
    assert np.isfinite(z[~excluded]).any()


def test_a_late_subscriber_is_told_the_meaning_of_every_id(scene, latched_classes):
    names = {entry.id: entry.name for entry in latched_classes.classes}

    assert names == dict(enumerate(("sky", "building", "road", "sidewalk", "vegetation", "car")))
    assert set(np.unique(scene.array("label"))) <= {*names, latched_classes.void_id}
    assert latched_classes.void_id == 255  # vision_msgs/LabelInfo: 255 is unlabeled for uint8
    assert latched_classes.domain == "kitti"


def test_the_classes_have_a_stamp_and_colours_of_their_own(latched_classes):
    assert latched_classes.header.stamp.sec > 0
    assert len({(entry.r, entry.g, entry.b) for entry in latched_classes.classes}) == len(latched_classes.classes)
