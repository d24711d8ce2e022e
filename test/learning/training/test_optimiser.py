# SPDX-License-Identifier: Apache-2.0
"""Learning rates against their formulas, and which parameters have which."""

from __future__ import annotations

import math

import pytest
import torch

from joint_perception.learning.optimiser import learning_rate_factor, make_optimiser, set_learning_rate
from joint_perception.learning.training_config import OptimiserConfig
from joint_perception.network import JointNetwork


def factors(steps, **options):
    return [learning_rate_factor(OptimiserConfig(**options), step, steps) for step in range(steps)]


def test_poly():
    expected = [1, (9 / 10) ** 0.9, (8 / 10) ** 0.9, (7 / 10) ** 0.9]
    assert factors(10, schedule="poly", power=0.9)[:4] == pytest.approx(expected)


def test_cosine_to_a_floor():
    got = factors(8, schedule="cosine", floor=0.1)
    assert got == pytest.approx([0.1 + 0.9 * (1 + math.cos(math.pi * i / 8)) / 2 for i in range(8)])
    assert got[4] == pytest.approx(0.55)


def test_warm_up_rises_to_where_the_schedule_begins():
    got = factors(14, schedule="poly", power=1, warm_up=4)
    assert got[:4] == pytest.approx([0.25, 0.5, 0.75, 1])
    assert got[4:] == pytest.approx([1 - i / 10 for i in range(10)])


def test_constant():
    assert factors(3, schedule="constant") == [1, 1, 1]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_encoder_and_decoder_have_their_rates_and_only_convolutions_decay(kind):
    network = JointNetwork(6, 3)
    config = OptimiserConfig(kind, learning_rate=0.01, encoder_ratio=0.1, weight_decay=0.5, warm_up=2)
    optimiser = make_optimiser(network, config)
    assert set_learning_rate(optimiser, config, 0, 10) == pytest.approx(0.005)
    of = {id(p): group for group in optimiser.param_groups for p in group["params"]}
    assert len(of) == len(list(network.parameters()))
    expected = {
        "layer1.0.weight": (0.0005, 0.5),
        "layer8.0.output.2.1.weight": (0.0005, 0),
        "conv8.weight": (0.005, 0.5),
        "segm.bias": (0.005, 0),
        "crp1.0.1_outvar_dimred.weight": (0.005, 0.5),
    }
    for name, (rate, decay) in expected.items():
        group = of[id(network.get_parameter(name))]
        assert (group["lr"], group["weight_decay"]) == (pytest.approx(rate), decay), name


def test_sgd_step_is_that_of_the_formula():
    network = JointNetwork(6)
    config = OptimiserConfig("sgd", learning_rate=0.5, weight_decay=0, momentum=0.9, schedule="constant")
    optimiser = make_optimiser(network, config)
    before = network.segm.bias.detach().clone()
    for step in range(3):
        set_learning_rate(optimiser, config, step, 3)
        network.segm.bias.grad = torch.ones(6)
        optimiser.step()
    # Velocities 1, 1.9, 2.71.
    torch.testing.assert_close(before - network.segm.bias, torch.full((6,), 0.5 * 5.61))
