# SPDX-License-Identifier: Apache-2.0
"""The network says what the authors' own definition said; their numbers, and how they were made, stand in the JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from joint_perception.network import JointNetwork, load_network

CASES = json.loads((Path(__file__).parent / "authors_outputs.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['classes']}x{c['tasks']}-{c['height']}x{c['width']}")
@torch.inference_mode()
def test_outputs_are_the_authors(case, formula, tmp_path):
    path = tmp_path / "formula.ckpt"
    formula.write_formula_checkpoint(path, case["classes"], case["tasks"])

    outputs = load_network(path)(formula.formula_input(case["height"], case["width"]))

    assert [name for name, head in outputs._asdict().items() if head is not None] == list(case["heads"])
    for name, expected in case["heads"].items():
        head = getattr(outputs, name).double()
        assert "x".join(map(str, head.shape)) == expected["shape"]
        # Float sums in another order: 1e-4 of the head's own spread at each place.
        near = {"rel": 1e-4, "abs": 1e-4 * expected["std"]}
        found = {place: head[(0, *map(int, place.split()))].item() for place in expected["values"]}
        assert found == pytest.approx(expected["values"], **near)
        assert head.mean().item() == pytest.approx(expected["mean"], **near)
        assert head.std().item() == pytest.approx(expected["std"], **near)
        assert head.abs().sum().item() == pytest.approx(expected["abs_sum"], rel=1e-4)
    assert len(outputs.segm.argmax(1).unique()) == pytest.approx(case["heads"]["segm"]["distinct_labels"], abs=1)


def test_the_formula_is_the_same_everywhere(formula):
    # By hand: splitmix64 of its first value, in Python's own integers.
    def splitmix64(z):
        z = z * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    crc32 = 0xCBF43926  # the check value of CRC-32, that of "123456789"
    expected = [(splitmix64((crc32 << 32) + i) >> 40) / 2**23 - 1 for i in range(6)]

    assert formula.uniform("123456789", (2, 3)).ravel().tolist() == expected
    weights = formula.formula_tensor("conv3.weight", (256, 24, 1, 1)).numpy()
    limit = 1.2 * math.sqrt(3 / 24)
    assert abs(weights).max() <= limit
    assert weights.std() == pytest.approx(limit / math.sqrt(3), rel=0.03)  # of a uniform distribution


@torch.inference_mode()
def test_the_formula_shows_what_goes_wrong(formula):
    """Its activations pass both ends of ReLU6, and its labels vary: else the numbers above would prove little."""
    network = JointNetwork(40, 3)
    network.load_state_dict(formula.formula_state_dict(40, 3), strict=False)
    network.eval()
    clipped = {}
    for name in ("conv3", "pre_segm", "pre_depth", "pre_normal", "crp4", "layer5"):
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: clipped.update(
                {name: (output.min().item(), output.max().item())}
            )
        )

    outputs = network(formula.formula_input(97, 131))

    assert all(low < 0 and high > 6 for low, high in clipped.values()), clipped
    assert len(outputs.segm.argmax(1).unique()) > 8
    assert 0 < outputs.depth.min() < 3
    assert 7 < outputs.depth.max() < 10
