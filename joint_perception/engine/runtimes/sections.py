# SPDX-License-Identifier: Apache-2.0
"""The network in three sections: up to the last context block, that block, and from there to the heads.

The block's work, and that of the layers between it and the heads, is a factor a channel and maxima: little arithmetic
on the widest tensor of the network. A compiler that writes that tensor after each of 20 steps spends a quarter of a
frame there (OpenVINO, 640x480); one pass that keeps a few rows at hand does without (`kernels.pooling`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joint_perception.engine.runtimes.graph import PixelNetwork
    from joint_perception.network.model import ChainedResidualPooling

HEADS = ("segm", "depth", "normal")
_TAPS = 9  # of a 3x3 kernel
_LANES = 16  # channels that a vector holds: fewer cost as much


class Trunk(nn.Module):
    """Pixels, (N, H, W, 3), to what the last context block gets, (N, h, w, 256).

    Args:
        graph: Shares its weights.
    """

    def __init__(self, graph: PixelNetwork) -> None:
        super().__init__()
        self.pixel_network = graph  # TorchScript has a `graph` of its own

    def forward(self, pixels: Tensor) -> Tensor:
        """Run it."""
        return self.pixel_network.network.trunk(self.pixel_network.image(pixels)).permute(0, 2, 3, 1)


class Block:
    """The last context block, and each head's factors, as the arrays that `kernels.pooling` wants.

    Attributes:
        scales: (stages, 256) float32.
        heads: By name of the head, (256,) float32.
    """

    def __init__(self, graph: PixelNetwork) -> None:
        network = graph.network
        block = cast("ChainedResidualPooling", network.crp1[0])
        self.scales = torch.stack([_factors(stage) for stage in block.children()]).numpy()
        self.heads = {name: _factors(getattr(network, f"pre_{name}")).numpy() for name in HEADS[: network.num_tasks]}


class Heads(nn.Module):
    """Of each head its own (N, h, w, 256), which `Block` leads to, to its outputs, (N, h, w, channels).

    Args:
        graph: Its weights are used.
        names: Of `HEADS`, which.
        channels: Of the segmentation head, which.
    """

    def __init__(self, graph: PixelNetwork, names: Sequence[str], channels: range) -> None:
        super().__init__()
        self.heads = nn.ModuleList()
        for name in names:
            head = cast("nn.Conv2d", getattr(graph.network, name))
            wanted = slice(channels.start, channels.stop) if name == "segm" else slice(None)
            self.heads.append(narrow(head.weight[wanted], cast("Tensor", head.bias)[wanted]))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Run them."""
        outputs = (head(x.permute(0, 3, 1, 2)) for head, x in zip(self.heads, inputs, strict=True))
        return tuple(x.permute(0, 2, 3, 1).float() for x in outputs)


def narrow(weight: Tensor, bias: Tensor) -> nn.Module:
    """A 3x3 convolution, padded with zeros; of few outputs as a 1x1 one to all nine taps, which are then shifted.

    A vector is filled with outputs, and one output costs what 16 do: of depth, 15 of 16 products were thrown away.
    The sums are the same, taken in another order.

    Args:
        weight: (outputs, inputs, 3, 3).
        bias: (outputs,).
    """
    outputs, inputs = weight.shape[:2]
    taps = nn.Conv2d(inputs, _TAPS * outputs, 1, bias=False).to(weight.dtype)
    plain = nn.Conv2d(inputs, outputs, 3, padding=1).to(weight.dtype)
    plain.weight, plain.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
    shifting = _TAPS * _TAPS * outputs * _filled(outputs)
    if inputs * _filled(_TAPS * outputs) + shifting >= inputs * _TAPS * _filled(outputs):
        return plain
    taps.weight = nn.Parameter(weight.permute(0, 2, 3, 1).reshape(_TAPS * outputs, inputs, 1, 1), requires_grad=False)
    gather = nn.Conv2d(_TAPS * outputs, outputs, 3, padding=1).to(weight.dtype)
    shifts = torch.eye(_TAPS, dtype=weight.dtype).reshape(_TAPS, 3, 3)
    kernel = torch.einsum("oi,tyx->oityx", torch.eye(outputs, dtype=weight.dtype), shifts)
    gather.weight = nn.Parameter(kernel.reshape(outputs, _TAPS * outputs, 3, 3), requires_grad=False)
    gather.bias = nn.Parameter(bias, requires_grad=False)
    return nn.Sequential(taps, gather)


def block_plainly(x: Tensor, scales: Tensor, head: Tensor) -> Tensor:
    """What `kernels.pooling` does, layer by layer: (N, h, w, 256) to the same shape."""
    top = total = x.permute(0, 3, 1, 2)
    for scale in scales:
        top = functional.max_pool2d(top, 5, 1, 2) * scale.view(1, -1, 1, 1)
        total = total + top
    return functional.relu6(total * head.view(1, -1, 1, 1)).permute(0, 2, 3, 1)


def _factors(convolution: nn.Module) -> Tensor:
    return cast("nn.Conv2d", convolution).weight.detach().float().reshape(-1).contiguous()


def _filled(channels: int) -> int:
    return -(-channels // _LANES) * _LANES
