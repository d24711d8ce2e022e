# SPDX-License-Identifier: Apache-2.0
"""What stands on the ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planes import CAMERA, depth_of

from joint_perception.geometry import ObstacleOptions, Plane, make_cloud, make_obstacles, obstacles

FLOOR, BOX, SKY = 1, 2, 3
GROUND = Plane.from_mounting(1.0)
ALL = ObstacleOptions(min_height=-math.inf, max_height=math.inf, voxel_size=0.0)


@settings(max_examples=60)
@given(
    st.integers(0, 2**31),
    st.integers(0, 300),
    st.sampled_from([None, GROUND, Plane((0.1, -0.99, 0.05), 0.7)]),
    st.sampled_from([(0.1, 2.0), (-math.inf, math.inf), (0.5, 0.6)]),
    st.sampled_from([math.inf, 3.0]),
    st.sampled_from([0.0, 0.05, 1.3, 1e-6]),
)
def test_the_compiled_pass_chooses_the_same_points(seed, count, ground, heights, far, size):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 2, (count, 6)).astype(np.float32)
    data[rng.random(count) < 0.2, 2] = np.nan
    data.view(np.uint32)[:, 4] = rng.integers(0, 6, count)
    left_out = np.zeros(256, bool)
    left_out[[1, 4]] = True
    options = ObstacleOptions(*heights, far, size)

    fast, plain = (way(data, left_out, ground, options) for way in (obstacles._compiled, obstacles._plain))

    np.testing.assert_array_equal(fast, plain)


@pytest.fixture
def scene():
    """Ground 1 m below; a wall 4 m ahead; sky above the 20th row."""
    ground, wall = depth_of((0.0, -1.0, 0.0), 1.0), depth_of((0.0, 0.0, -1.0), 4.0)
    on_ground = np.nan_to_num(ground, nan=np.inf) < wall
    labels = np.where(on_ground, FLOOR, BOX).astype(np.uint8)
    depth = np.where(on_ground, ground, wall)
    labels[:20] = SKY
    image = np.zeros((*depth.shape, 3), np.uint8)
    return make_cloud(image, labels, depth, np.full(depth.shape, 0.5, np.float32), CAMERA)


def test_the_floor_and_what_is_left_out_are_none(scene):
    found = make_obstacles(scene, [FLOOR], [SKY], None, ALL)

    assert set(np.unique(found.labels)) == {BOX}
    np.testing.assert_array_equal(found.data, scene.data[scene.labels == BOX])


def test_heights_over_the_ground(scene):
    options = ObstacleOptions(min_height=0.3, max_height=0.8, voxel_size=0.0)

    found = make_obstacles(scene, [], [], GROUND, options)

    heights = 1.0 - found.xyz[:, 1]
    assert len(found.data) > 100
    assert heights.min() >= 0.3
    assert heights.max() <= 0.8
    expected = ((1.0 - scene.xyz[..., 1]) >= 0.3) & ((1.0 - scene.xyz[..., 1]) <= 0.8)
    assert len(found.data) == expected.sum()


def test_a_floor_with_wrong_labels_is_no_obstacle_by_its_height(scene):
    found = make_obstacles(scene, [], [BOX, SKY], GROUND, ObstacleOptions(voxel_size=0.0))

    assert len(found.data) == 0


def test_range(scene):
    options = ObstacleOptions(min_height=-math.inf, max_height=math.inf, max_range=4.1, voxel_size=0.0)

    found = make_obstacles(scene, [FLOOR], [SKY], None, options)

    distances = np.linalg.norm(found.xyz, axis=1)
    assert 0 < len(found.data) < (scene.labels == BOX).sum()
    assert distances.max() <= 4.1


@pytest.mark.parametrize("size", [0.05, 0.4])
def test_each_cube_keeps_its_first_point(scene, size):
    options = ObstacleOptions(min_height=-math.inf, max_height=math.inf, voxel_size=size)

    found = make_obstacles(scene, [FLOOR], [SKY], None, options)

    every = make_obstacles(scene, [FLOOR], [SKY], None, ALL)
    seen, first = set(), []
    for point in every.data:
        cell = tuple(np.floor(point[:3] / np.float32(size)).astype(int))
        if cell not in seen:
            seen.add(cell)
            first.append(point)
    np.testing.assert_array_equal(found.data, np.array(first))


def test_no_point_is_nan_and_none_at_all_is_a_set_too(scene):
    scene.data[30:, ::2, :3] = np.nan

    found = make_obstacles(scene, [FLOOR], [SKY], GROUND, ObstacleOptions())

    assert np.isfinite(found.data[:, :3]).all()
    nothing = make_obstacles(scene, [FLOOR, BOX], [SKY], GROUND, ObstacleOptions())
    assert nothing.data.shape == (0, 6)
