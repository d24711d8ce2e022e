# SPDX-License-Identifier: Apache-2.0
"""What the network costs at least: counted work against torch's own count, and the arithmetic of the roofline."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from joint_perception.benchmark.roofline import ceilings, roofline, work
from joint_perception.network import JointNetwork


@pytest.mark.parametrize("size", [(96, 128), (67, 93)])
def test_multiplications_are_those_that_torch_counts(size):
    network = JointNetwork(6, 3).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, *size))

    assert work(network, size)["gmac"] == pytest.approx(counter.get_total_flops() / 2e9)


def test_values_are_inputs_weights_and_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU6(), nn.Conv2d(8, 2, 1))

        def forward(self, x):
            return self.layers(x)

    counted = work(Two(), (10, 20))

    assert counted["mvalues"] == pytest.approx((200 * 3 + 3 * 8 * 9 + 200 * 8 + 200 * 8 + 8 * 2 + 200 * 2) / 1e6)
    assert counted["gmac"] == pytest.approx(200 * (3 * 8 * 9 + 8 * 2) / 1e9)


def test_the_least_time_is_work_over_rate():
    found = roofline({"gmac": 6.0, "mvalues": 100.0}, {"gmac_s": {"fp32": 100.0, "bf16": 200.0}, "gb_s": 20.0})

    assert (found["fp32"]["compute_ms"], found["bf16"]["compute_ms"]) == (pytest.approx(60), pytest.approx(30))
    assert (found["fp32"]["memory_ms"], found["bf16"]["memory_ms"]) == (pytest.approx(20), pytest.approx(10))


@pytest.mark.slow
def test_ceilings_are_measured():
    found = ceilings(torch.device("cpu"))

    assert set(found["gmac_s"]) == {"fp32", "bf16"}
    assert min(*found["gmac_s"].values(), found["gb_s"]) > 0
