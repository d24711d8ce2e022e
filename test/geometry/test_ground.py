# SPDX-License-Identifier: Apache-2.0
"""The ground, against planes in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planes import CAMERA, depth_of, rays, unit

from joint_perception.geometry import Plane, fit_ground


def points_of(normal, offset):
    points = rays() * depth_of(normal, offset)[..., None]
    return points[np.isfinite(points).all(axis=2)].astype(np.float32)


@pytest.mark.parametrize(
    ("height", "pitch", "roll"), [(1.0, 0.0, 0.0), (1.6, 0.3, 0.0), (0.3, 0.1, 0.2), (12.0, 0.7, -0.1)]
)
def test_a_plane_is_found_as_it_is(height, pitch, roll):
    mounted = Plane.from_mounting(height, pitch, roll)

    found = fit_ground(points_of(mounted.normal, mounted.offset))

    assert found is not None
    assert found.offset == pytest.approx(height, rel=1e-3)
    np.testing.assert_allclose(found.normal, mounted.normal, atol=1e-3)


def test_noise_and_a_third_of_outliers_do_not_move_it():
    rng = np.random.default_rng(1)
    points = points_of(*((0.0, -1.0, 0.0), 1.4))
    points *= rng.normal(1.0, 0.02, (len(points), 1)).astype(np.float32)
    points[::3] = rng.uniform((-3, -2, 1), (3, 0.5, 9), (len(points[::3]), 3))

    found = fit_ground(points)

    assert found is not None
    assert found.offset == pytest.approx(1.4, rel=0.02)
    assert math.degrees(math.acos(-found.normal[1])) < 1.0


def test_it_is_the_same_each_time():
    points = points_of((0.0, -1.0, 0.0), 1.4) + np.float32(0.01)

    assert fit_ground(points) == fit_ground(points)


@pytest.mark.parametrize(
    ("normal", "offset"),
    [
        ((0.0, 0.0, -1.0), 3.0),  # a wall ahead
        (unit(-1.0, -0.5, 0.0), 3.0),  # one at the side, leaning
        ((0.0, 1.0, 0.0), 2.0),  # a ceiling
    ],
)
def test_what_cannot_be_ground_is_none(normal, offset):
    points = points_of(normal, offset)
    assert len(points) > 1000

    assert fit_ground(points) is None


def test_too_few_points_are_none():
    points = points_of((0.0, -1.0, 0.0), 1.4)

    assert fit_ground(points[:49]) is None
    assert fit_ground(np.full((500, 3), np.nan, np.float32)) is None
    assert fit_ground(np.ones((500, 3), np.float32)) is None  # all one point


def test_points_in_a_cloud_without_plane_are_none():
    assert fit_ground(np.random.default_rng(0).uniform(-5, 5, (4000, 3)).astype(np.float32), 0.001) is None


def test_heights_count_from_the_plane_upwards():
    plane = Plane.from_mounting(1.5)

    heights = plane.height(np.array([[0, 1.5, 3], [0, 0, 7], [2, -0.5, 3], [np.nan, 0, 0]], np.float32))

    np.testing.assert_allclose(heights, [0.0, 1.5, 2.0, np.nan])


def test_a_camera_that_looks_down_sees_the_ground_where_it_is():
    height, pitch = 2.0, math.radians(30)
    plane = Plane.from_mounting(height, pitch)
    # The optical axis meets the ground at height / sin(pitch).
    axis = np.array([[0.0, 0.0, height / math.sin(pitch)]], np.float32)

    np.testing.assert_allclose(plane.height(axis), [0.0], atol=1e-6)


def test_a_camera_that_is_rolled_clockwise_sees_up_to_its_left():
    up = Plane.from_mounting(1.0, roll=math.radians(90)).normal

    np.testing.assert_allclose(up, (-1.0, 0.0, 0.0), atol=1e-9)


def test_the_image_of_a_plane_is_as_large_as_thought():
    assert np.isfinite(depth_of((0.0, -1.0, 0.0), 1.0)).sum() == CAMERA.width * (CAMERA.height - 32)
