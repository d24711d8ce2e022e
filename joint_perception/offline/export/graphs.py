# SPDX-License-Identifier: Apache-2.0
"""The network as it is exported: alone, or with what comes before and after it; and the contract of each."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from joint_perception.engine.graph.contract import (
    Contract,
    DepthContract,
    InputContract,
    NormalsContract,
    OutputsContract,
    SegmentationContract,
)
from joint_perception.engine.preprocess import MEAN, STD

if TYPE_CHECKING:
    from joint_perception.domains import Domain
    from joint_perception.network import JointNetwork


class HeadsGraph(nn.Module):
    """Normalised pixels to the heads' outputs: processing outside.

    Args:
        network: In evaluation mode.
    """

    input_name = "image"
    names: tuple[str, ...] = ("segm", "depth", "normal")

    def __init__(self, network: JointNetwork) -> None:
        super().__init__()
        self.network = network
        self.names = self.names[: network.num_tasks]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) float32, `(x / 255 - mean) / std`, to the heads at a quarter of its size."""
        return tuple(head for head in self.network(image) if head is not None)

    def example(self, height: int, width: int) -> Tensor:
        """An input of that size."""
        return torch.zeros(1, 3, height, width)

    def contract(self, domain: Domain, size: tuple[int, int] | None, image_width: int | None) -> Contract:
        """What it takes and gives; `size` as [width, height]."""
        return Contract(
            model="",
            input=InputContract(self.input_name, "NCHW", "RGB", 255.0, MEAN, STD, size),
            outputs=OutputsContract(
                SegmentationContract("segm", "logits"),
                DepthContract("depth", "absolute"),
                NormalsContract("normal") if "normal" in self.names else None,
            ),
            domain=domain.name,
            image_width=image_width,
        )


class PictureGraph(nn.Module):
    """Bytes to labels, confidence and metres, pixel by pixel: processing inside.

    Args:
        network: See `HeadsGraph`.
        domain: Whose channels of the segmentation head compete.
        temperature: What the logits are divided by before they become a confidence.
    """

    input_name = "image"
    names: tuple[str, ...] = ("label", "confidence", "depth", "normal")
    mean: Tensor
    std: Tensor

    def __init__(self, network: JointNetwork, domain: Domain, temperature: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature
        self.first, self.last = domain.first_channel, domain.first_channel + domain.num_classes
        self.names = self.names[: network.num_tasks + 1]
        self.register_buffer("mean", torch.tensor(MEAN).mul(255).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).mul(255).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(N, H, W, 3) uint8 RGB to labels, uint8, confidence and metres, (N, H, W) each, and (N, H, W, 3) normals."""
        x = image.permute(0, 3, 1, 2).float().sub(self.mean).div(self.std)
        outputs = self.network(x)
        size = image.shape[1:3]
        logits = _resize(outputs.segm[:, self.first : self.last], size)
        best, labels = logits.max(dim=1)
        confidence = torch.exp((logits - best.unsqueeze(1)) / self.temperature).sum(dim=1).reciprocal()
        depth = _resize(outputs.depth, size).squeeze(1).abs()
        found = (labels.to(torch.uint8), confidence, depth)
        if outputs.normal is None:
            return found
        return (*found, functional.normalize(_resize(outputs.normal, size), dim=1).permute(0, 2, 3, 1))

    def example(self, height: int, width: int) -> Tensor:
        """An input of that size."""
        return torch.zeros(1, height, width, 3, dtype=torch.uint8)

    def contract(self, domain: Domain, size: tuple[int, int] | None, image_width: int | None) -> Contract:
        """What it takes and gives; `size` as [width, height]."""
        return Contract(
            model="",
            input=InputContract(self.input_name, "NHWC", "RGB", 1.0, size=size),
            outputs=OutputsContract(
                SegmentationContract("label", "labels", confidence="confidence"),
                DepthContract("depth", "metres"),
                NormalsContract("normal", "NHWC") if "normal" in self.names else None,
            ),
            domain=domain.name,
            image_width=image_width,
        )


Graph = HeadsGraph | PictureGraph


class _HalfConvolution(nn.Module):
    """A convolution whose weights lie in float16, and are float32 again before they are used."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight.detach().half(), requires_grad=False)
        bias = convolution.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().half(), requires_grad=False)
        self.stride, self.padding, self.groups = convolution.stride, convolution.padding, convolution.groups

    def forward(self, x: Tensor) -> Tensor:
        """As of the convolution."""
        bias = None if self.bias is None else self.bias.float()
        return functional.conv2d(x, self.weight.float(), bias, self.stride, self.padding, groups=self.groups)


def halved(network: JointNetwork) -> JointNetwork:
    """A copy whose convolutions, all but a hundredth of the parameters, are stored in float16.

    The sums stay in float32: float16 sums are slower on most CPUs, and a GPU's runtime is told to use them by a
    setting of its own.
    """
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d):
                setattr(module, name, _HalfConvolution(child))
    return network


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)
