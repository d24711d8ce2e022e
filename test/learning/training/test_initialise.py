# SPDX-License-Identifier: Apache-2.0
"""Where the weights of a training come from."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import save_file

from joint_perception.learning.initialise import initialise
from joint_perception.learning.training_config import NetworkConfig
from joint_perception.network import CheckpointError, JointNetwork, WeightsError


def saved(path, classes, tasks):
    torch.manual_seed(7)
    network = JointNetwork(classes, tasks)
    save_file({k: v for k, v in network.state_dict().items() if "num_batches" not in k}, path)
    return network


def test_he_keeps_the_variance_and_starts_heads_at_their_biases():
    torch.manual_seed(0)
    network = JointNetwork(46, 3)
    assert initialise(network, NetworkConfig(46, 3, depth_bias=5.0)) == ()
    weight = network.layer8[0].output[0][0].weight  # 160 inputs to 960 outputs
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 160), rel=0.02)
    depthwise = network.layer4[1].output[1][0].weight  # 3x3 of one channel
    assert depthwise.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.1)
    saturated = []
    for module in (network.crp3, network.crp2, network.crp1):  # each stands behind a ReLU6
        module.register_forward_pre_hook(lambda _, x: saturated.append((x[0] == 6).float().mean().item()))
    outputs = network(torch.randn(2, 3, 64, 64))  # normalised by the batch, as in a training
    assert max(saturated) < 0.02
    assert outputs.depth.mean().item() == pytest.approx(5, abs=2.5)
    assert outputs.depth.min().item() > 0
    entropy = torch.nn.functional.cross_entropy(outputs.segm, torch.zeros(2, 16, 16, dtype=torch.long))
    assert entropy.item() == pytest.approx(math.log(46), rel=0.5)


def test_weights_that_fit_are_taken_whole(tmp_path):
    other = saved(tmp_path / "w.safetensors", 46, 3)
    network = JointNetwork(46, 3)
    assert initialise(network, NetworkConfig(46, 3, str(tmp_path / "w.safetensors"))) == ()
    for name, tensor in other.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor), name


def test_other_heads_begin_at_random_and_are_named(tmp_path):
    other = saved(tmp_path / "w.safetensors", 40, 2)
    network = JointNetwork(46, 3)
    fresh = initialise(network, NetworkConfig(46, 3, str(tmp_path / "w.safetensors")))
    assert set(fresh) == {"segm.weight", "segm.bias", "pre_normal.weight", "normal.weight", "normal.bias"}
    assert torch.equal(network.depth.weight, other.depth.weight)
    assert torch.equal(network.pre_segm.weight, other.pre_segm.weight)
    assert network.segm.weight.abs().max() > 0


def test_head_that_is_not_wanted_is_left_out(tmp_path):
    saved(tmp_path / "w.safetensors", 6, 3)
    assert initialise(JointNetwork(6, 2), NetworkConfig(6, 2, str(tmp_path / "w.safetensors"))) == ()


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"segm.weight": torch.zeros(6, 256, 3, 3)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="missing: layer1"):
        initialise(JointNetwork(6, 2), NetworkConfig(6, 2, str(tmp_path / "w.safetensors")))
    with pytest.raises(WeightsError, match="no such file"):
        initialise(JointNetwork(6, 2), NetworkConfig(6, 2, str(tmp_path / "absent.safetensors")))
