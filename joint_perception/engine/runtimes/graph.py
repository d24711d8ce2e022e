# SPDX-License-Identifier: Apache-2.0
"""The network from pixels to heads as one graph, with what is constant folded away."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from joint_perception.engine.preprocess import MEAN, STD

if TYPE_CHECKING:
    from joint_perception.network import JointNetwork


class PixelNetwork(nn.Module):
    """(N, H, W, 3) pixels 0..255 to the heads, (N, h, w, channels) each: how a runtime wants it.

    Batch normalisation is folded into the convolutions, and the division by the pixels' deviation into the
    first. The subtraction of their mean stays an operation: the first convolution pads with zeros, which stand
    for the mean, and a mean folded into its bias would count there, too (4 % of the labels change).

    Args:
        network: Left as it is.
        dtype: Of the weights and of the sums, float32, float16 or bfloat16.
    """

    mean: Tensor

    def __init__(self, network: JointNetwork, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network, self.dtype = folded(network), dtype
        first = cast("nn.Conv2d", self.network.layer1[0])
        std = torch.tensor(STD, device=first.weight.device).mul(255).view(1, 3, 1, 1)
        first.weight = nn.Parameter(first.weight / std, requires_grad=False)
        self.network.to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("mean", torch.tensor(MEAN, device=first.weight.device).mul(255))
        self.eval()

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Run it.

        Args:
            pixels: (N, H, W, 3) RGB 0..255, uint8 or float32.

        Returns:
            float32: (N, h, w, classes) logits, (N, h, w, 1) depth and, with three tasks, (N, h, w, 3) normals.
        """
        outputs = self.network(self.image(pixels))
        return tuple(head.permute(0, 2, 3, 1).float() for head in outputs if head is not None)

    def image(self, pixels: Tensor) -> Tensor:
        """Pixels as the first convolution wants them, (N, 3, H, W); channels last, since the pixels lie so."""
        return (pixels.float() - self.mean).to(self.dtype).permute(0, 3, 1, 2)


def folded(network: JointNetwork) -> JointNetwork:
    """A copy whose batch normalisations are part of the convolutions before them; the same function up to rounding."""
    network = copy.deepcopy(network).eval()
    for block in network.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for index in range(len(block) - 1):
            convolution, normalisation = block[index], block[index + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                block[index] = fuse_conv_bn_eval(convolution, normalisation)
                block[index + 1] = nn.Identity()
    network.requires_grad_(requires_grad=False)
    return network
