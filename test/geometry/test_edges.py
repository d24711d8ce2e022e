# SPDX-License-Identifier: Apache-2.0
"""Flying pixels: at steps of the depth, on both sides, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from planes import depth_of

from joint_perception.geometry import flying_pixels


def test_both_sides_of_a_step_and_no_others():
    depth = np.full((5, 8), 2.0, np.float32)
    depth[:, 4:] = 3.0

    flying = flying_pixels(depth, 0.1)

    expected = np.zeros((5, 8), bool)
    expected[:, 3:5] = True
    np.testing.assert_array_equal(flying, expected)
    np.testing.assert_array_equal(flying_pixels(depth.T, 0.1), expected.T)


@pytest.mark.parametrize(("threshold", "flies"), [(0.49, True), (0.51, False)])
def test_the_step_counts_as_a_share_of_the_nearer_depth(threshold, flies):
    assert flying_pixels(np.array([[2.0, 3.0]], np.float32), threshold).all() == flies
    assert flying_pixels(np.array([[20.0, 30.0]], np.float32), threshold).all() == flies
    assert flying_pixels(np.array([[3.0, 2.0]], np.float32), threshold).all() == flies


def test_a_pixel_without_depth_makes_no_step():
    depth = np.array([[1.0, np.nan, 9.0]], np.float32)

    assert not flying_pixels(depth, 0.1).any()


def test_a_slanted_wall_does_not_fly():
    assert not flying_pixels(depth_of((0.5, 0.0, -0.866), 3.0), 0.1).any()


def test_one_pixel_alone_has_no_neighbours():
    assert flying_pixels(np.ones((1, 1), np.float32), 0.1).tolist() == [[False]]
