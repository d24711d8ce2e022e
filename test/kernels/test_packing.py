# SPDX-License-Identifier: Apache-2.0
"""The compiled cloud against the plain one, to the last bit."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from joint_perception.geometry import CloudOptions, Pinhole, cloud, make_cloud


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    options=st.builds(
        CloudOptions,
        stride=st.integers(1, 5),
        min_range=st.sampled_from([0.0, 2.0]),
        max_range=st.sampled_from([5.0, math.inf]),
        edge_filter=st.sampled_from([0.0, 0.1]),
    ),
    excluded=st.sets(st.sampled_from([0, 1, 5, 255])),
    known=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_every_bit_is_the_plain_one_s(shape, options, excluded, known, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    labels = rng.choice(np.array([0, 1, 2, 5, 255], np.uint8), shape)
    depth = rng.uniform(0.5, 8, shape).astype(np.float32)
    depth[rng.random(shape) < 0.2] = np.nan
    confidence = rng.random(shape, dtype=np.float32) if known else None
    camera = Pinhole(31.0, 29.0, shape[1] / 2.2, shape[0] / 1.8, shape[1], shape[0])

    fast = make_cloud(image, labels, depth, confidence, camera, excluded, options)
    plain = without_numba(image, labels, depth, confidence, camera, excluded, options)

    same = (fast.data.view(np.uint32) == plain.data.view(np.uint32)) | (np.isnan(fast.data) & np.isnan(plain.data))
    assert same.all()


def without_numba(*arguments):
    found = cloud.available
    cloud.available = lambda: False
    try:
        return make_cloud(*arguments)
    finally:
        cloud.available = found
