# SPDX-License-Identifier: Apache-2.0
"""The compiled decision at each pixel against the plain one: sizes, class counts, ties, and numbers that are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from joint_perception.domains import KITTI, NYUD, get_domain
from joint_perception.engine import Reading, compiled_postprocess, postprocess
from joint_perception.network import Outputs

DOMAINS = st.sampled_from([(6, KITTI), (40, NYUD), (46, get_domain("nyud_kitti")), (46, get_domain("kitti", 46))])
SIDES = st.integers(1, 7)
PLAIN = st.floats(-40, 40, width=32)
ODD = st.sampled_from([np.nan, np.inf, 3e38, -3e38, 0.0, 1.0])


def both(segm, depth, size, reading, wanted=("confidence",)):
    outputs = Outputs(torch.from_numpy(segm), torch.from_numpy(depth))
    return [module.to_predictions(outputs, size, reading, wanted)[0] for module in (compiled_postprocess, postprocess)]


def leads(segm, size, domain):
    """By how much the greatest logit of each pixel leads, in double precision."""
    logits = torch.from_numpy(segm[:, domain.first_channel : domain.first_channel + domain.num_classes]).double()
    resized = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)[0].numpy()
    ordered = np.sort(resized, axis=0)
    return ordered[-1] - ordered[-2]


@settings(max_examples=25)
@given(DOMAINS, SIDES, SIDES, st.integers(1, 40), st.integers(1, 40), st.data())
def test_any_size_any_number_of_classes(classes, height, width, rows, columns, data):
    channels, domain = classes
    seed = data.draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    segm = rng.normal(0, data.draw(st.sampled_from([0.1, 3, 30])), (1, channels, height, width)).astype(np.float32)
    segm += rng.normal(0, 1, (1, channels, 1, 1)).astype(np.float32) * 10  # most cells agree on a class
    depth = rng.uniform(-90, 90, (1, 1, height, width)).astype(np.float32)
    temperature = data.draw(st.sampled_from([1.0, 0.7, 2.5]))

    fast, plain = both(segm, depth, (rows, columns), Reading(domain, temperature=temperature))

    # Float32 knows a position to 1e-6 of a pixel: hence the tolerances, of logits and metres a pixel apart.
    sure = leads(segm, (rows, columns), domain) > 1e-3
    np.testing.assert_array_equal(fast.labels[sure], plain.labels[sure])
    np.testing.assert_allclose(fast.confidence, plain.confidence, atol=1e-3)
    inside = np.isfinite(fast.depth) & np.isfinite(plain.depth)
    np.testing.assert_allclose(fast.depth[inside], plain.depth[inside], atol=1e-3)
    raw = np.where(np.isfinite(fast.depth), fast.depth, plain.depth)[~inside]  # beyond a limit for one of them alone
    assert np.all(np.isnan(raw) | (np.abs(raw - domain.depth_range[1]) < 2e-3) | (raw < 3e-3))


@settings(max_examples=25)
@given(DOMAINS, st.data())
def test_ties_go_to_the_first_where_arithmetic_is_exact(classes, data):
    channels, domain = classes
    shape = data.draw(st.tuples(SIDES, SIDES))
    # Small integers and shares of eighths: neither way rounds, so that equal is equal.
    segm = data.draw(hnp.arrays(np.float32, (1, channels, *shape), elements=st.integers(0, 3), fill=st.just(1)))
    size = (4 * shape[0], 4 * shape[1])

    fast, plain = both(segm, np.ones((1, 1, *shape), np.float32), size, Reading(domain))
    bare, _ = both(segm, np.ones((1, 1, *shape), np.float32), size, Reading(domain), ())

    np.testing.assert_array_equal(fast.labels, plain.labels)
    np.testing.assert_array_equal(bare.labels, plain.labels)
    assert bare.confidence is None


@settings(max_examples=25)
@given(st.data())
def test_numbers_that_are_none_are_trusted_by_nobody_and_their_surroundings_stay(data):
    height, width = data.draw(SIDES), data.draw(SIDES)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    segm, depth = (rng.normal(0, 4, (1, n, height, width)).astype(np.float32) for n in (6, 1))
    for array, odd in ((segm, ODD), (depth, ODD | st.just(-np.inf))):
        # Each once: of two logits of 3e38 the plain way says 1, since log 2 more or less is nothing there.
        for value in data.draw(st.lists(odd, min_size=1, max_size=3, unique=True)):
            array[tuple(rng.integers(0, n) for n in array.shape)] = value
    # Shares without rounding: else a neighbour that is NaN counts with 1e-8 for one and with nothing for the other.
    size = (height * data.draw(st.sampled_from([1, 2, 4])), width * data.draw(st.sampled_from([1, 2, 4])))

    fast, plain = both(segm, depth, size, Reading(KITTI))

    np.testing.assert_allclose(fast.confidence, plain.confidence, atol=1e-3)
    assert fast.labels.max() < 6
    with np.errstate(invalid="ignore"):
        trusted = (plain.confidence > 0) & (leads(segm, size, KITTI) > 1e-3)
    np.testing.assert_array_equal(fast.labels[trusted], plain.labels[trusted])
    np.testing.assert_allclose(fast.depth, plain.depth, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 7, 8, 9, 12])
@pytest.mark.parametrize("width", [1, 2, 13, 40])
def test_rows_a_whole_number_of_times_as_wide(columns, width):
    rng = np.random.default_rng(columns)
    segm = rng.normal(0, 3, (1, 46, 3, width)).astype(np.float32)
    domain, size = get_domain("nyud_kitti"), (9, columns * width)

    fast, plain = both(segm, np.ones((1, 1, 3, width), np.float32), size, Reading(domain))

    sure = leads(segm, size, domain) > 1e-4
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(fast.labels[sure], plain.labels[sure])
    np.testing.assert_allclose(fast.confidence, plain.confidence, atol=2e-5)


@pytest.mark.parametrize("size", [(48, 64), (350, 1200)])
def test_doubtful_labels_and_readings(size):
    rng = np.random.default_rng(0)
    shape = (-(-size[0] // 4), -(-size[1] // 4))
    segm = rng.normal(0, 1, (1, 40, *shape)).astype(np.float32)
    depth = rng.uniform(0, 10, (1, 1, *shape)).astype(np.float32)
    reading = Reading(NYUD, 1.5, (1.0, 9.0), min_confidence=0.07)

    fast, plain = both(segm, depth, size, reading, ())

    assert 0.1 < (plain.labels == 255).mean() < 0.9
    assert (fast.labels == plain.labels).mean() > 0.9999  # a threshold cuts between two roundings at times
    assert fast.confidence is plain.confidence is None
    assert (np.isnan(fast.depth) == np.isnan(plain.depth)).mean() > 0.9999
    np.testing.assert_allclose(np.nanmean(fast.depth), np.nanmean(plain.depth), rtol=1e-5)


def test_a_batch_keeps_its_order():
    rng = np.random.default_rng(0)
    outputs = Outputs(torch.from_numpy(rng.normal(0, 1, (3, 6, 5, 6)).astype(np.float32)), torch.rand(3, 1, 5, 6))

    for fast, plain in zip(
        *(module.to_predictions(outputs, (20, 24), Reading(KITTI)) for module in (compiled_postprocess, postprocess)),
        strict=True,
    ):
        np.testing.assert_array_equal(fast.labels, plain.labels)
        np.testing.assert_allclose(fast.depth, plain.depth, rtol=1e-5)


@pytest.mark.parametrize("grid", [(3, 4), (9, 14), (40, 60)])
def test_depth_may_come_at_another_size_than_the_classes(grid):
    rng = np.random.default_rng(0)
    segm = rng.normal(0, 1, (1, 6, 7, 11)).astype(np.float32)
    depth = rng.uniform(1, 70, (1, 1, *grid)).astype(np.float32)

    fast, plain = both(segm, depth, (40, 60), Reading(KITTI))

    np.testing.assert_array_equal(fast.labels, plain.labels)
    np.testing.assert_allclose(fast.depth, plain.depth, rtol=1e-4)
