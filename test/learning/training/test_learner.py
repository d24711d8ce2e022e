# SPDX-License-Identifier: Apache-2.0
"""A step: every head learns, parts of a batch are the batch, and what cannot go on stops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from joint_perception.learning.learner import Learner, TrainingError
from joint_perception.learning.processes import Processes

ALONE = Processes(0, 1, torch.device("cpu"))
HEADS = ("segm", "depth", "normal")


@pytest.fixture
def learner(configure, tmp_path):
    def make(**keys):
        torch.manual_seed(0)
        return Learner(configure(tmp_path, **keys)[0], ALONE)

    return make


@pytest.mark.parametrize("head", HEADS)
def test_one_batch_is_learnt_by_heart(learner, batch, head):
    loss = {name: float(name == head) for name in HEADS}
    it = learner(steps=40, loss=loss, optimiser={"learning_rate": 2e-3, "schedule": "constant", "warm_up": 5})
    data = batch([1, 2])
    losses = [getattr(it.learn([data], step), head) for step in range(25)]
    assert min(losses[-3:]) < losses[0] / 4


def test_average_follows_and_is_what_infers(learner, batch):
    it = learner(average=0.9, optimiser={"warm_up": 0})
    before = it.averaged.segm.weight.clone()
    for step in range(3):
        it.learn([batch([1, 2])], step)
    assert not torch.equal(before, it.averaged.segm.weight)
    assert not it.averaged.training


def moved(it, parts):
    before = {k: v.clone() for k, v in it.state()["network"].items()}
    progress = it.learn(parts, 0)
    return progress, {k: v - before[k] for k, v in it.state()["network"].items() if v.is_floating_point()}


SGD = {"kind": "sgd", "learning_rate": 1e-3, "schedule": "constant", "weight_decay": 0}
FROZEN = {"classes": 6, "tasks": 3, "freeze_batch_norm": True}


def test_accumulated_parts_move_the_weights_as_the_whole_does(learner, batch):
    # Of labels and normals: the berHu loss takes its threshold from each part.
    loss = {"segm": 1.0, "depth": 0.0, "normal": 1.0}
    whole, by_whole = moved(learner(network=FROZEN, optimiser=SGD, loss=loss), [batch([1, 2, 3, 4])])
    config = SGD | {"accumulate": 2}
    some, by_parts = moved(learner(network=FROZEN, optimiser=config, loss=loss), [batch([1]), batch([2, 3, 4])])
    assert some.loss == pytest.approx(whole.loss, rel=1e-5)
    for name, step in by_whole.items():
        torch.testing.assert_close(by_parts[name], step, rtol=1e-3, atol=1e-6, msg=name)


def test_uneven_annotations_weigh_by_pixels(learner, batch):
    # One part without labels: the labels of the other are neither diluted nor counted twice.
    loss = {"segm": 1.0, "depth": 0.0, "normal": 0.0}
    options = {"network": FROZEN, "loss": loss}
    alone, by_alone = moved(learner(optimiser=SGD, **options), [batch([1, 2])])
    parts = [batch([1, 2]), batch([3, 4], lacking=("segm",))]
    both, by_both = moved(learner(optimiser=SGD | {"accumulate": 2}, **options), parts)
    assert both.segm == pytest.approx(alone.segm, rel=1e-3)
    torch.testing.assert_close(by_both["segm.weight"], by_alone["segm.weight"], rtol=1e-3, atol=1e-7)


def test_missing_modality_leaves_its_head_alone(learner, batch):
    it = learner(network=FROZEN, optimiser=SGD)
    _, steps = moved(it, [batch([1, 2], lacking=("depth",))])
    assert steps["depth.weight"].eq(0).all()
    assert steps["pre_depth.weight"].eq(0).all()
    assert steps["segm.weight"].ne(0).any()
    assert steps["normal.weight"].ne(0).any()


def test_frozen_statistics_stay_and_others_move(learner, batch):
    name = "layer3.0.output.0.1.running_mean"
    _, frozen = moved(learner(network=FROZEN, optimiser=SGD), [batch([1, 2])])
    _, free = moved(learner(optimiser=SGD), [batch([1, 2])])
    assert frozen[name].eq(0).all()
    assert free[name].ne(0).any()


def test_clip_bounds_the_step(learner, batch):
    it = learner(network=FROZEN, optimiser=SGD | {"clip": 0.01, "momentum": 0})
    progress, steps = moved(it, [batch([1, 2])])
    length = np.sqrt(sum(step.double().square().sum().item() for step in steps.values()))
    assert progress.norm > 1
    assert length == pytest.approx(1e-3 * 0.01, rel=0.05)


def test_bf16_is_near_fp32(learner, batch):
    exact = learner(network=FROZEN).learn([batch([1, 2])], 0)
    half = learner(network=FROZEN, precision="bf16").learn([batch([1, 2])], 0)
    assert half.loss != exact.loss
    assert half.loss == pytest.approx(exact.loss, rel=0.05)


def test_loss_that_is_no_number_stops_before_it_does_harm(learner, batch):
    it = learner(optimiser={"learning_rate": 1e-3})
    with torch.no_grad():
        it._network.segm.bias[0] = torch.nan
    before = it.averaged.conv8.weight.clone()
    with pytest.raises(TrainingError, match=r"loss of step 0 is nan.*lower learning_rate"):
        it.learn([batch([1])], 0)
    assert torch.equal(before, it.averaged.conv8.weight)
    assert torch.isfinite(it._network.conv8.weight).all()
