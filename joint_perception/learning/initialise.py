# SPDX-License-Identifier: Apache-2.0
"""The weights a training starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from joint_perception.network import load_state_dict, resolve_weights
from joint_perception.network.checkpoint import fill_network

if TYPE_CHECKING:
    from joint_perception.learning.training_config import NetworkConfig
    from joint_perception.network import JointNetwork

HE = "he"
_HEADS = ("segm", "depth", "normal")
_HEAD_TENSORS = tuple(f"{prefix}{head}." for prefix in ("pre_", "") for head in _HEADS)
# The heads' outputs begin near their biases: all classes alike, and the depth that was asked for.
_HEAD_STD = 0.01
# Nothing normalises the decoder, and it adds up: three convolutions before a ReLU6, four poolings after it, at each of
# four scales. With He's variance 45 % of its ReLU6 begin at 6, the first gradient has a norm of 4000, and AdamW at
# 2e-3 ends at the mean of the targets (normals: 1 - cos stays at 0.21, four images by heart); with these shares of it
# none do, the norm is 28, and it learns them (0.02 after 40 steps).
_DECODER, _POOLED = 0.35, 0.1


def initialise(network: JointNetwork, config: NetworkConfig) -> tuple[str, ...]:
    """Fill a network: with random numbers, or with weights as far as they fit.

    The random numbers are He et al.'s (arXiv 1502.01852), drawn from torch's generator, smaller in the decoder.

    Args:
        network: Where they go.
        config: Where they come from.

    Returns:
        Tensors of heads that the weights lack or have in another shape; they are random.

    Raises:
        WeightsError, CheckpointError: There are no such weights, or they differ elsewhere than in the heads.
    """
    _draw(network, config.depth_bias)
    if config.init == HE:
        return ()
    own = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(_HEAD_TENSORS)}
    state = load_state_dict(resolve_weights(config.init).path)
    fresh = tuple(name for name, tensor in own.items() if name not in state or state[name].shape != tensor.shape)
    surplus = {name for name in state if name.startswith(_HEAD_TENSORS) and name not in own}
    kept = {name: tensor for name, tensor in state.items() if name not in surplus}
    fill_network(network, kept | {name: own[name] for name in fresh}, config.init)
    return fresh


def _draw(network: JointNetwork, depth_bias: float) -> None:
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if name in _HEADS:
            nn.init.normal_(module.weight, std=_HEAD_STD)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            with torch.no_grad():
                if name.startswith("crp"):
                    module.weight.mul_(_POOLED)
                elif name.startswith("conv"):
                    module.weight.mul_(_DECODER)
        if module.bias is not None:
            nn.init.constant_(module.bias, depth_bias if name == "depth" else 0.0)
