# SPDX-License-Identifier: Apache-2.0
"""Views of synthetic worlds, and the cache of them."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.learning.datasets import DatasetError
from joint_perception.learning.datasets.synthetic import SyntheticWorld
from joint_perception.learning.views import WorldViews

SIZE = (24, 32)


def test_first_view_is_that_of_the_data_set_and_others_are_of_the_same_world():
    views = WorldViews("rooms", "val", SIZE, 3)
    assert len(views) == 300
    expected = SyntheticWorld("rooms", "val", SIZE)[1]
    np.testing.assert_array_equal(views[3].image, expected.image)
    np.testing.assert_array_equal(views[3].depth, expected.depth)
    assert not np.array_equal(views[4].image, expected.image)
    assert views[4].name == "rooms seed 1000001 view 1"
    with pytest.raises(IndexError, match="images 0 to 299, not 300"):
        views[300]


def test_cache_says_what_the_renderer_said(tmp_path):
    plain, cached = WorldViews("rooms", "val", SIZE, 2), WorldViews("rooms", "val", SIZE, 2, tmp_path)
    first = cached[5]
    files = sorted(path.name for path in tmp_path.rglob("*.npz"))
    assert files == ["1000002-0.npz", "1000002-1.npz"]  # the world's other view too
    expected = plain[5]
    for got in (first, cached[5]):
        np.testing.assert_array_equal(got.image, expected.image)
        np.testing.assert_array_equal(got.labels, expected.labels)
        np.testing.assert_allclose(got.depth, expected.depth, rtol=1e-3)
        np.testing.assert_allclose(got.normals, expected.normals, atol=1e-3)
        assert got.depth.dtype == got.normals.dtype == np.float32


def test_damaged_file_is_named(tmp_path):
    cached = WorldViews("rooms", "val", SIZE, 1, tmp_path)
    cached[0]
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match=r"1000000-0\.npz is damaged.*delete it"):
        cached[0]
