# SPDX-License-Identifier: Apache-2.0
"""The first of equal keys against NumPy's sort."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from joint_perception.kernels.voxels import first_of_each

KEYS = st.integers(0, 5) | st.integers(0, 2**63 - 1)


@given(st.lists(KEYS, max_size=200))
def test_they_are_those_of_a_sort(keys):
    keys = np.array(keys, np.int64)

    np.testing.assert_array_equal(first_of_each(keys), np.sort(np.unique(keys, return_index=True)[1]))
