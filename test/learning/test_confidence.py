# SPDX-License-Identifier: Apache-2.0
"""Calibration figures by hand, and a temperature that is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from joint_perception.learning.confidence import BINS, ConfidenceMetric, fit_temperature
from joint_perception.learning.metrics import MetricError
from joint_perception.network.temperatures import GREATEST, LEAST


def scores(confidence, predicted, annotated):
    metric = ConfidenceMetric()
    metric.update(torch.tensor(confidence), torch.tensor(predicted), torch.tensor(annotated))
    return metric.scores()


def drawn(temperature, n=40_000, classes=5, seed=0):
    """Logits, and labels drawn from the softmax of the logits over the temperature."""
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=rng) * 3
    labels = torch.multinomial((logits / temperature).softmax(dim=1), 1, generator=rng)[:, 0]
    return logits, labels


def test_the_figures_by_hand():
    # Two bins: 0.5 (one of two right) and 0.9 (both right); void counts nowhere.
    found = scores([0.5, 0.5, 0.9, 0.9, 0.1], [0, 1, 2, 2, 3], [0, 2, 2, 2, 255])

    assert found.pixels == 4
    assert found.accuracy == pytest.approx(0.75)
    assert found.mean == pytest.approx(0.7)
    assert found.overconfidence == pytest.approx(-0.05)
    assert found.ece == pytest.approx((2 * 0.0 + 2 * 0.1) / 4)
    assert [(i, n) for i, n in enumerate(found.bin_pixels) if n] == [(7, 2), (13, 2)]
    assert found.bin_accuracy[7] == 0.5
    assert found.bin_confidence[13] == pytest.approx(0.9)
    assert np.isnan(found.bin_accuracy[0])


def test_the_ends_of_the_scale_have_bins():
    found = scores([0.0, 1.0], [0, 0], [1, 0])

    assert (found.bin_pixels[0], found.bin_pixels[BINS - 1], found.ece) == (1, 1, 0.0)


def test_batches_do_not_matter():
    logits, labels = drawn(1.0, 1000)
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    one, many = ConfidenceMetric(), ConfidenceMetric()
    one.update(confidence, predicted, labels)
    for part in range(10):
        rows = slice(part * 100, part * 100 + 100)
        many.update(confidence[rows], predicted[rows], labels[rows])

    assert one.scores().ece == pytest.approx(many.scores().ece, abs=1e-12)
    assert one.scores().bin_pixels == many.scores().bin_pixels


def test_nothing_annotated():
    assert ConfidenceMetric().scores() is None
    assert scores([0.5], [1], [255]) is None


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.1])
def test_what_is_no_confidence(bad):
    with pytest.raises(MetricError, match=r"outside 0\.\.1"):
        scores([bad], [0], [0])


def test_shapes_that_differ():
    with pytest.raises(MetricError, match="of one size"):
        scores([0.5, 0.5], [0], [0])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_the_labels_were_drawn_with_is_found(temperature):
    logits, labels = drawn(temperature)
    found = fit_temperature(logits, labels)

    assert found == pytest.approx(temperature, rel=0.03)
    calibrated, plain = ConfidenceMetric(), ConfidenceMetric()
    for metric, divisor in ((calibrated, found), (plain, 1.0)):
        confidence, predicted = (logits / divisor).softmax(dim=1).max(dim=1)
        metric.update(confidence, predicted, labels)
    assert calibrated.scores().ece < 0.01
    assert plain.scores().ece >= calibrated.scores().ece - 0.002
    assert plain.scores().ece > 0.05 or temperature == 1.0


def test_it_is_the_minimum_of_the_likelihood():
    logits, labels = drawn(2.0, 3000, seed=1)
    found = fit_temperature(logits, labels)
    losses = [torch.nn.functional.cross_entropy(logits / t, labels).item() for t in (found * 0.97, found, found * 1.03)]

    assert losses[1] < min(losses[0], losses[2])


def test_always_right_and_never_right_end_at_the_limits():
    logits = torch.eye(4)

    assert fit_temperature(logits, torch.arange(4)) == pytest.approx(LEAST)
    assert fit_temperature(logits, (torch.arange(4) + 1) % 4) == pytest.approx(GREATEST)


@pytest.mark.parametrize("logits", [torch.zeros(0, 3), torch.full((2, 3), float("nan"))])
def test_nothing_to_fit_to(logits):
    with pytest.raises(MetricError, match="cannot be fitted"):
        fit_temperature(logits, torch.zeros(len(logits), dtype=torch.long))
