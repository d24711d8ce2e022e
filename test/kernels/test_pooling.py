# SPDX-License-Identifier: Apache-2.0
"""The last context block in one pass, against the same layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joint_perception.engine.runtimes.sections import block_plainly

pytest.importorskip("numba")
from joint_perception.kernels import pooling

SIZES = st.tuples(st.integers(1, 2), st.integers(1, 24), st.integers(1, 24), st.sampled_from((32, 64)))


def bits_of(x):
    """Float32 to the bits of bfloat16, by torch."""
    return torch.from_numpy(x).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)


def values_of(bits):
    return torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()


def drawn(seed, shape, stages, heads):
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 6, shape).astype(np.float32)
    # Negative factors, too: the maximum of a stage is then of what was least before.
    return image, *(rng.normal(0, 1, (count, shape[-1])).astype(np.float32) for count in (stages, heads))


def plainly(image, scales, heads):
    image, scales = torch.from_numpy(image), torch.from_numpy(scales)
    return [block_plainly(image, scales, torch.from_numpy(head)).numpy() for head in heads]


@settings(max_examples=40, deadline=None)
@given(shape=SIZES, stages=st.integers(1, 4), heads=st.integers(1, 3), seed=st.integers(0, 999))
def test_float32_is_the_same_bit_for_bit(shape, stages, heads, seed):
    image, scales, factors = drawn(seed, shape, stages, heads)
    out = [np.full_like(image, np.nan) for _ in range(heads)]

    pooling.pooled(image, False, scales, factors, out)

    for found, expected in zip(out, plainly(image, scales, factors), strict=True):
        np.testing.assert_array_equal(found, expected)


@settings(max_examples=40, deadline=None)
@given(shape=SIZES, heads=st.integers(1, 3), seed=st.integers(0, 999))
def test_bfloat16_is_rounded_once_at_the_end(shape, heads, seed):
    image, scales, factors = drawn(seed, shape, 4, heads)
    bits = bits_of(image)
    out = [np.empty_like(bits) for _ in range(heads)]

    pooling.pooled(bits, True, scales, factors, out)

    for found, expected in zip(out, plainly(values_of(bits), scales, factors), strict=True):
        np.testing.assert_array_equal(values_of(found), values_of(bits_of(expected)))


@pytest.mark.parametrize("half", [False, True])
def test_the_image_may_be_one_of_the_results(half):
    image, scales, factors = drawn(0, (1, 40, 30, 64), 4, 2)
    image = bits_of(image) if half else image
    apart = [np.empty_like(image) for _ in range(2)]
    pooling.pooled(image, half, scales, factors, apart)

    again = [image, np.empty_like(image)]
    pooling.pooled(image, half, scales, factors, again)

    for found, expected in zip(again, apart, strict=True):
        np.testing.assert_array_equal(found, expected)
