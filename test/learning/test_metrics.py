# SPDX-License-Identifier: Apache-2.0
"""Metrics against scikit-learn and against the formulas in float64 NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from joint_perception.learning.metrics import (
    DepthMetric,
    MetricError,
    NormalMetric,
    SegmentationMetric,
    crop_window,
)

VOID = 255


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), classes=st.integers(1, 12), batches=st.integers(1, 4), void=st.floats(0, 1))
def test_pooled_confusion_and_iou_are_scikit_learns(seed, classes, batches, void):
    rng = np.random.default_rng(seed)
    predicted = rng.integers(0, classes, (batches, 7, 9)).astype(np.uint8)
    annotated = rng.integers(0, max(1, classes - 1), predicted.shape).astype(np.uint8)
    annotated[rng.random(predicted.shape) < void] = VOID
    metric = SegmentationMetric(classes)
    for p, a in zip(predicted, annotated, strict=True):
        metric.update(torch.from_numpy(p), torch.from_numpy(a))
    scores = metric.scores()
    counted = annotated != VOID
    if not counted.any():
        assert scores is None
        return
    expected = confusion_matrix(annotated[counted], predicted[counted], labels=range(classes))
    np.testing.assert_array_equal(scores.confusion.numpy(), expected)
    hits, union = np.diag(expected), expected.sum(0) + expected.sum(1) - np.diag(expected)
    present = expected.sum(1) > 0
    np.testing.assert_allclose(np.array(scores.iou)[present], hits[present] / union[present], rtol=1e-12)
    assert np.isnan(np.array(scores.iou)[~present]).all()
    assert scores.miou == pytest.approx(np.mean(hits[present] / union[present]), rel=1e-12)
    assert scores.pixel_accuracy == pytest.approx(hits.sum() / counted.sum(), rel=1e-12)
    assert scores.pixels == counted.sum()


def test_class_that_is_predicted_but_nowhere_annotated_costs_the_true_class():
    metric = SegmentationMetric(3)
    metric.update(torch.tensor([0, 0, 2, 1]), torch.tensor([0, 0, 0, 1]))
    scores = metric.scores()
    assert scores.iou[:2] == pytest.approx((2 / 3, 1.0))
    assert math.isnan(scores.iou[2])
    assert scores.miou == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize(("predicted", "annotated"), [([3], [0]), ([0], [3]), ([0], [254])])
def test_id_that_is_no_class_is_refused(predicted, annotated):
    with pytest.raises(MetricError, match="3 classes"):
        SegmentationMetric(3).update(torch.tensor(predicted), torch.tensor(annotated))


def test_predicted_id_under_void_does_not_matter():
    metric = SegmentationMetric(2)
    metric.update(torch.tensor([9, 1]), torch.tensor([VOID, 1]))
    assert metric.scores().pixels == 1


def depth_by_formula(p, t, cap=None):
    """The definitions, written down once more."""
    valid = np.isfinite(t) & (t > 0) & (t <= (math.inf if cap is None else cap))
    seen = valid & np.isfinite(p)
    p, t = np.clip(np.abs(p[seen].astype(np.float64)), 1e-3, cap), t[seen].astype(np.float64)
    ratio = np.maximum(p / t, t / p)
    return {
        "rmse": np.sqrt(np.mean((p - t) ** 2)),
        "rmse_log": np.sqrt(np.mean((np.log(p) - np.log(t)) ** 2)),
        "abs_rel": np.mean(np.abs(p - t) / t),
        "sq_rel": np.mean((p - t) ** 2 / t),
        "delta1": np.mean(ratio < 1.25),
        "delta2": np.mean(ratio < 1.25**2),
        "delta3": np.mean(ratio < 1.25**3),
        "coverage": seen.sum() / valid.sum(),
        "pixels": seen.sum(),
    }


def random_depths(seed, shape):
    rng = np.random.default_rng(seed)
    t = rng.uniform(0.5, 90, shape).astype(np.float32)
    p = (t * rng.uniform(0.4, 2.5, shape) * rng.choice([-1, 1], shape)).astype(np.float32)
    t[rng.random(shape) < 0.3] = rng.choice([0, -1, np.nan, np.inf])
    p[rng.random(shape) < 0.1] = np.nan
    return p, t


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), batches=st.integers(1, 4), cap=st.sampled_from([None, 80.0, 10.0]))
def test_depth_is_pooled_over_all_pixels_as_the_formulas_say(seed, batches, cap):
    p, t = random_depths(seed, (batches, 40, 50))
    metric = DepthMetric(cap)
    for one_p, one_t in zip(p, t, strict=True):
        metric.update(torch.from_numpy(one_p), torch.from_numpy(one_t))
    scores = metric.scores()
    for name, value in depth_by_formula(p, t, cap).items():
        assert getattr(scores, name) == pytest.approx(value, rel=1e-9), name


def test_depth_is_pooled_not_averaged_over_images():
    metric = DepthMetric()
    metric.update(torch.full((1, 3), 2.0), torch.full((1, 3), 1.0))
    metric.update(torch.full((1, 1), 5.0), torch.full((1, 1), 1.0))
    assert metric.scores().rmse == pytest.approx(math.sqrt((3 * 1 + 16) / 4))


def test_perfect_depth_scores_perfectly():
    t = torch.rand(20, 30) * 50 + 1
    metric = DepthMetric()
    metric.update(-t, t)  # the head's sign does not count
    scores = metric.scores()
    assert (scores.rmse, scores.rmse_log, scores.abs_rel, scores.sq_rel) == (0, 0, 0, 0)
    assert (scores.delta1, scores.delta2, scores.delta3, scores.coverage) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("crop", "size", "rows", "columns"),
    [
        ("garg", (375, 1242), (153, 371), (44, 1197)),
        ("eigen", (375, 1242), (124, 342), (44, 1197)),
        ("nyud_eigen", (480, 640), (45, 471), (41, 601)),
    ],
)
def test_crops_are_those_of_the_literature(crop, size, rows, columns):
    assert crop_window(crop, *size) == (slice(*rows), slice(*columns))
    p, t = random_depths(3, size)
    metric = DepthMetric(80.0, crop)
    metric.update(torch.from_numpy(p), torch.from_numpy(t))
    window = (slice(*rows), slice(*columns))
    expected = depth_by_formula(p[window], t[window], 80.0)
    assert metric.scores().pixels == expected["pixels"]
    assert metric.scores().rmse == pytest.approx(expected["rmse"], rel=1e-9)


def test_depth_without_any_measurement_has_no_scores():
    metric = DepthMetric()
    metric.update(torch.ones(2, 2), torch.tensor([[0.0, math.nan], [math.inf, -1.0]]))
    assert metric.scores() is None


def test_depth_without_any_prediction_has_coverage_zero_and_no_figures():
    metric = DepthMetric()
    metric.update(torch.full((2, 2), math.nan), torch.ones(2, 2))
    scores = metric.scores()
    assert scores.coverage == 0
    assert math.isnan(scores.rmse)


@pytest.mark.parametrize("arguments", [{"crop": "gerg"}, {"cap": 0.0}, {"cap": math.nan}])
def test_crop_or_cap_that_is_none_is_refused(arguments):
    with pytest.raises(MetricError, match=next(iter(arguments))):
        DepthMetric(**arguments)


def test_sizes_that_differ_are_refused():
    for metric, a, b in (
        (SegmentationMetric(2), torch.zeros(2, 2, dtype=torch.uint8), torch.zeros(2, 3, dtype=torch.uint8)),
        (DepthMetric(), torch.ones(2, 2), torch.ones(1, 2, 2)),
        (NormalMetric(), torch.ones(2, 2, 3), torch.ones(2, 3)),
    ):
        with pytest.raises(MetricError, match="one size"):
            metric.update(a, b)
    with pytest.raises(MetricError, match="x, y, z"):
        NormalMetric().update(torch.ones(3, 4, 4), torch.ones(3, 4, 4))


@pytest.mark.parametrize("spread", [0.001, 0.2, 3.0])
def test_normal_angles_are_those_of_the_arc_cosine(spread):
    rng = np.random.default_rng(5)
    n = rng.normal(size=(4, 30, 40, 3))
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    m = n + rng.normal(size=n.shape) * spread  # of any length
    n[0, :5] = np.nan
    n[1, :5] = 0
    m[2, :5] = np.nan
    metric = NormalMetric()
    for one_m, one_n in zip(m, n, strict=True):
        metric.update(torch.from_numpy(one_m), torch.from_numpy(one_n))
    valid = np.isfinite(n).all(-1) & (n != 0).any(-1)
    seen = valid & np.isfinite(m).all(-1)
    unit = m[seen] / np.linalg.norm(m[seen], axis=-1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip((unit * n[seen]).sum(-1), -1, 1)))
    scores = metric.scores()
    assert scores.mean == pytest.approx(angle.mean(), rel=1e-6)
    assert scores.median == pytest.approx(np.median(angle), abs=0.01)
    assert scores.below_11_25 == pytest.approx((angle < 11.25).mean(), abs=1e-12)
    assert scores.below_22_5 == pytest.approx((angle < 22.5).mean(), abs=1e-12)
    assert scores.below_30 == pytest.approx((angle < 30).mean(), abs=1e-12)
    assert scores.coverage == pytest.approx(seen.sum() / valid.sum())
    assert scores.pixels == seen.sum()


def test_opposite_normals_are_180_degrees_apart():
    metric = NormalMetric()
    metric.update(torch.tensor([[0.0, 0.0, -2.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    assert metric.scores().mean == pytest.approx(180)
    assert metric.scores().median == pytest.approx(180, abs=0.01)


def test_nothing_added_has_no_scores():
    assert SegmentationMetric(2).scores() is None
    assert DepthMetric().scores() is None
    assert NormalMetric().scores() is None
