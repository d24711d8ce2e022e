# SPDX-License-Identifier: Apache-2.0
"""Clouds as a camera's parameters say."""

from __future__ import annotations

import numpy as np
import pytest
from planes import CAMERA, depth_of

from joint_perception.domains import KITTI
from joint_perception.engine import Frame, Prediction
from joint_perception.pipeline.clouds import CloudMaker
from joint_perception.pipeline.labels import meaning
from joint_perception.pipeline.parameter_table import BY_NAME

SKY, BUILDING, ROAD = 0, 1, 2
PLAIN = meaning(KITTI, "")


def maker(**changes):
    settings = {name: spec.default for name, spec in BY_NAME.items()}
    return CloudMaker(settings | {name.replace("__", "."): value for name, value in changes.items()})


@pytest.fixture
def frame():
    return Frame(np.full((CAMERA.height, CAMERA.width, 3), (10, 20, 30), np.uint8), CAMERA)


@pytest.fixture
def prediction():
    """A street: road 1.2 m below, a building 6 m ahead, sky above it."""
    road, wall = depth_of((0.0, -1.0, 0.0), 1.2), depth_of((0.0, 0.0, -1.0), 6.0)
    on_road = np.nan_to_num(road, nan=np.inf) < wall
    labels = np.where(on_road, ROAD, BUILDING).astype(np.uint8)
    labels[:15] = SKY
    depth = np.where(on_road, road, wall)
    return Prediction(labels, depth, np.full(depth.shape, 0.75, np.float32))


def test_sky_has_no_points_and_the_rest_has(frame, prediction):
    cloud = maker().points(frame, prediction, PLAIN)

    np.testing.assert_array_equal(cloud.valid, prediction.labels != SKY)
    np.testing.assert_array_equal(cloud.labels, prediction.labels)
    assert set(np.unique(cloud.rgb)) == {0x0A141E}


def test_colour_by_class_and_labels_by_group(frame, prediction):
    groups = meaning(KITTI, "traversability")
    cloud = maker(points__color="class").points(frame, prediction, groups)

    np.testing.assert_array_equal(cloud.labels, groups.of(prediction.labels))
    red, green, blue = groups.published.colors[0]
    assert set(cloud.rgb[prediction.labels == ROAD]) == {red << 16 | green << 8 | blue}


def test_groups_can_be_left_out(frame, prediction):
    cloud = maker(points__excluded_classes=["ground"]).points(frame, prediction, meaning(KITTI, "traversability"))

    assert not cloud.valid[prediction.labels == ROAD].any()
    assert cloud.valid[prediction.labels == BUILDING].all()


def test_stride_and_range(frame, prediction):
    cloud = maker(points__stride=3, points__min_range=2.0, points__max_range=6.5).points(frame, prediction, PLAIN)

    assert cloud.data.shape == (24, 34, 6)
    distances = np.linalg.norm(cloud.xyz[cloud.valid], axis=1)
    assert distances.min() >= 2.0
    assert distances.max() <= 6.5


def test_obstacles_stand_on_the_ground_that_is_seen(frame, prediction):
    found = maker(obstacles__min_height=0.5, obstacles__max_height=1.0).obstacles(frame, prediction, PLAIN)

    assert set(np.unique(found.labels)) == {BUILDING}
    heights = 1.2 - found.xyz[:, 1]
    assert len(heights) > 50
    assert heights.min() >= 0.5 - 0.02
    assert heights.max() <= 1.0 + 0.02


def test_a_given_ground_is_believed(frame, prediction):
    options = {"obstacles__ground": "given", "obstacles__camera_height": 2.2, "obstacles__min_height": 1.5}
    found = maker(**options).obstacles(frame, prediction, PLAIN)

    assert (2.2 - found.xyz[:, 1]).min() >= 1.5


def test_the_ground_last_seen_holds_while_none_is(frame, prediction):
    clouds = maker(obstacles__min_height=0.5, obstacles__max_height=1.0)
    before = clouds.obstacles(frame, prediction, PLAIN)
    blind = Prediction(
        np.where(prediction.labels == ROAD, SKY, prediction.labels).astype(np.uint8),
        prediction.depth,
        prediction.confidence,
    )

    np.testing.assert_array_equal(clouds.obstacles(frame, blind, PLAIN).data, before.data)
    # Before there ever was one, heights are not tested.
    assert len(maker().obstacles(frame, blind, PLAIN).data) > len(before.data)
