# SPDX-License-Identifier: Apache-2.0
"""Weights that know nothing, to show the way of a frame before there are any that do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch import nn

from joint_perception.network import JointNetwork

if TYPE_CHECKING:
    from pathlib import Path

_DEPTH_M = 6.0  # mean of what the depth head says


def write_random_weights(path: Path, num_classes: int, num_tasks: int = 2, seed: int = 0) -> None:
    """Write a checkpoint of random numbers, scaled so that something of the image comes through.

    Args:
        path: The safetensors file.
        num_classes: Channels of the segmentation head.
        num_tasks: 2 or 3.
        seed: The same seed gives the same numbers.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = JointNetwork(num_classes, num_tasks)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.constant_(network.depth.bias, _DEPTH_M)  # type: ignore[arg-type]
    state = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, str(path))
