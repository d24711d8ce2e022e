# SPDX-License-Identifier: Apache-2.0
"""Nav2's obstacle and voxel layers: what its observation buffer and its marking loop do with our cloud."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from ros_graph import camera_info
from sensor_msgs.msg import PointField


def marked(cloud):
    """The points that obstacle_layer.cpp marks, pixel to (x, y, z): it walks the bytes by the fields' offsets."""
    offsets = {field.name: field.offset for field in cloud.fields}
    assert {f.datatype for f in cloud.fields if f.name in "xyz"} == {PointField.FLOAT32}
    data, points = cloud.data.tobytes(), {}
    for index in range(cloud.width * cloud.height):
        start = index * cloud.point_step
        x, y, z = (struct.unpack_from("<f", data, start + offsets[axis])[0] for axis in "xyz")
        if x == x and y == y and z == z:  # noqa: PLR0124 (not NaN)
            points[divmod(index, cloud.width)] = x, y, z
    return points


def test_what_has_depth_and_is_not_excluded_is_marked_and_nothing_else(metres):
    depth, labels = metres.array("depth"), metres.array("label")
    expected = np.argwhere(np.isfinite(depth) & (labels != 0))

    assert set(marked(metres.outputs["points"])) == set(map(tuple, expected.tolist()))


def test_excluded_classes_mark_nothing(scene):
    labels = scene.array("label")
    assert np.isin(labels, scene.station.excluded_ids).any()

    points = marked(scene.outputs["points"])

    assert points
    assert not {labels[pixel] for pixel in points} & set(scene.station.excluded_ids)
    assert len({labels[pixel] for pixel in points}) == 6 - len(scene.station.excluded_ids)


def test_points_are_where_rays_begin_at_the_frame_and_z_points_forward(scene):
    fx, _, cx, _, _, fy, cy = scene.info.p[:7]

    points = marked(scene.outputs["points"])

    pixels, xyz = np.array(list(points)), np.array(list(points.values()))
    assert (xyz[:, 2] > 0).all()
    np.testing.assert_allclose(xyz[:, 0] / xyz[:, 2] * fx + cx, pixels[:, 1], atol=1e-3)
    np.testing.assert_allclose(xyz[:, 1] / xyz[:, 2] * fy + cy, pixels[:, 0], atol=1e-3)


def test_the_stamp_is_one_that_tf_has_and_the_frame_is_named(scene):
    header = scene.outputs["points"].header

    assert header.stamp == scene.image.header.stamp
    assert header.frame_id == scene.image.header.frame_id != ""


def test_a_sensor_data_subscriber_gets_the_cloud(scene, visitor):
    received = []
    kind = type(scene.outputs["points"])
    topic = f"{visitor.node_name}/points"
    visitor.node.create_subscription(kind, topic, received.append, qos_profile_sensor_data)
    visitor.wait(lambda: visitor.node.count_publishers(topic), "the publisher of the points")
    visitor.wait(lambda: visitor.node.count_subscribers(topic) == 2, "both subscribers of the points")

    for _ in range(20):
        scene.station.show(scene.pixels, camera_info(168, 120), ("points",))
        visitor.spin(0.2)
        if received:
            break

    assert received[0].data == scene.outputs["points"].data


@pytest.fixture
def excluding(metres):
    """Exclude classes while the node runs; the default comes back after the test."""

    def exclude(names):
        metres.station.set(points__excluded_classes=names)
        return metres.station.show(metres.pixels, camera_info(168, 120), ("points", "label", "depth"))

    yield exclude
    exclude(["sky"])


def test_a_cloud_without_any_point_is_still_a_whole_cloud(metres, excluding):
    cloud = excluding(["sky", "building", "road", "sidewalk", "vegetation", "car"]).outputs["points"]

    assert marked(cloud) == {}
    assert (cloud.height, cloud.width, len(cloud.data)) == (120, 168, 120 * 168 * cloud.point_step)


def test_classes_can_be_left_out_while_it_runs(excluding):
    scene = excluding(["vegetation", "floor"])  # floor is a class of another domain

    seen = {scene.array("label")[pixel] for pixel in marked(scene.outputs["points"])}

    assert seen == {0, 1, 2, 3, 5}
