# SPDX-License-Identifier: Apache-2.0
"""The optimiser and its learning rate at each step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from joint_perception.learning.training_config import OptimiserConfig
    from joint_perception.network import JointNetwork

_ENCODER = tuple(f"layer{number}." for number in range(1, 9))


def make_optimiser(network: JointNetwork, config: OptimiserConfig) -> torch.optim.Optimizer:
    """The optimiser of a network's parameters, encoder and decoder each with and without weight decay."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        # Biases and batch normalisation's scale and shift have one dimension.
        groups.setdefault((name.startswith(_ENCODER), parameter.ndim > 1), []).append(parameter)
    options = [
        {
            "params": parameters,
            "ratio": config.encoder_ratio if encoder else 1.0,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (encoder, decays), parameters in groups.items()
    ]
    if config.kind == "sgd":
        return torch.optim.SGD(options, config.learning_rate, momentum=config.momentum)
    return torch.optim.AdamW(options, config.learning_rate)


def set_learning_rate(optimiser: torch.optim.Optimizer, config: OptimiserConfig, step: int, steps: int) -> float:
    """Give every group its learning rate for a step, counted from zero; returns that of the decoder."""
    rate = config.learning_rate * learning_rate_factor(config, step, steps)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["ratio"]
    return rate


def learning_rate_factor(config: OptimiserConfig, step: int, steps: int) -> float:
    """Share of the greatest learning rate that a step has.

    It rises linearly over `warm_up` steps, the first of which has 1 / warm_up, and then, t being the share of the
    remaining steps that are done, falls as (1 - t)^power (`poly`, of DeepLab: arXiv 1606.00915) or
    (1 + cos(pi t)) / 2 (`cosine`, arXiv 1608.03983), to `floor`.

    Args:
        config: Of the schedule.
        step: From 0 to steps - 1.
        steps: Of the whole training.
    """
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = (step - config.warm_up) / (steps - config.warm_up)
    falling = 1.0
    if config.schedule == "poly":
        falling = math.pow(1 - done, config.power)
    elif config.schedule == "cosine":
        falling = (1 + math.cos(math.pi * done)) / 2
    return config.floor + (1 - config.floor) * falling
