# SPDX-License-Identifier: Apache-2.0
"""Metres to the integers of REP-118."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joint_perception.geometry.depth import to_millimetres


@pytest.mark.parametrize(
    ("metres", "millimetres"),
    [
        (0.0, 0),
        (0.001, 1),
        (0.0014, 1),
        (0.0016, 2),
        (1.0, 1000),
        (1.2345678, 1235),
        (9.9994, 9999),
        (80.0, 0),  # what 16 bits cannot hold is no measurement; not 65.535 m, and not 80 m modulo 65.536 m
        (65.535, 65535),
        (65.536, 0),
        (131.072, 0),
        (float("nan"), 0),
        (float("inf"), 0),
    ],
)
def test_millimetres(metres, millimetres):
    found = to_millimetres(np.full((2, 3), metres, np.float32))

    assert found.dtype == np.uint16
    assert found.shape == (2, 3)
    assert (found == millimetres).all()


@given(st.floats(2**-9, 65.5, width=32))
def test_no_depth_moves_by_more_than_half_a_millimetre(metres):
    found = to_millimetres(np.array([[metres]], np.float32))[0, 0]

    assert abs(int(found) - metres * 1000) <= 0.5 + 0.004  # and a float32's last bit at 65 m


def test_holes_stay_where_they_are_and_nan_raises_no_warning():
    depth = np.array([[1.0, np.nan], [70.0, 2.0]], np.float32)

    with np.errstate(all="raise"):
        found = to_millimetres(depth)

    assert found.tolist() == [[1000, 0], [0, 2000]]
    assert np.isnan(depth[0, 1])
