# SPDX-License-Identifier: Apache-2.0
"""The average of the weights against its closed form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joint_perception.learning.averaging import average_of


def averaged(values, decay):
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 100.0)  # what it starts from must not matter
    average = average_of(network, decay)
    got = []
    for value in values:
        nn.init.constant_(network.weight, value)
        average.update_parameters(network)
        got.append(average.module.weight.item())
    return got


def test_early_averages_forget_quickly():
    # d_n = (1 + n) / (10 + n) while that is below the decay, and the first update copies.
    expected, values = [3.0], [3.0, 1.0, -2.0, 5.0]
    for n, value in enumerate(values[1:], start=1):
        d = (1 + n) / (10 + n)
        expected.append(d * expected[-1] + (1 - d) * value)
    assert averaged(values, 0.999) == pytest.approx(expected)


def test_late_average_is_exponential():
    values = [float(n % 7) for n in range(200)]
    d = 0.1  # below (1 + n) / (10 + n) from the second update on
    expected = d**199 * values[0] + sum((1 - d) * d ** (199 - n) * v for n, v in enumerate(values) if n)
    assert averaged(values, d)[-1] == pytest.approx(expected, rel=1e-5)


def test_decay_zero_is_the_network_itself():
    assert averaged([3.0, 1.0, -2.0], 0.0) == [3.0, 1.0, -2.0]


def test_statistics_of_batch_normalisation_are_averaged_and_its_counter_copied():
    network = nn.BatchNorm1d(2)
    average = average_of(network, 0.5)
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    means = []
    for _ in range(3):
        network.train()(x)
        means.append(network.running_mean.clone())
        average.update_parameters(network)
    d1, d2 = 2 / 11, 3 / 12
    expected = d2 * (d1 * means[0] + (1 - d1) * means[1]) + (1 - d2) * means[2]
    torch.testing.assert_close(average.module.running_mean, expected)
    assert average.module.num_batches_tracked.item() == 3
    assert not average.module.training
