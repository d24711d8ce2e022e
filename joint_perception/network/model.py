# SPDX-License-Identifier: Apache-2.0
"""The joint segmentation and depth network of Nekrasov et al., arXiv 1809.04766.

A MobileNet-v2 encoder and a Light-Weight RefineNet decoder with one small head a task. The names of the
modules are those of the authors' checkpoints, so that these load as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 256  # channels of the decoder
STEM = 32  # channels after layer1
# Expansion, output channels, repeats, stride of layer2..layer8: MobileNet-v2's table 2, cut after 320.
INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class Outputs(NamedTuple):
    """What the network's heads say, at a quarter of the input's height and width (rounded up).

    Attributes:
        segm: (N, classes, h, w) class logits.
        depth: (N, 1, h, w) depth in metres, up to its sign: take the absolute value.
        normal: (N, 3, h, w) surface normals, not normalised; None in a network of two tasks.
    """

    segm: Tensor
    depth: Tensor
    normal: Tensor | None = None


def _conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def _conv_bn_relu(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(*_conv_bn(inputs, outputs, kernel, stride, groups), nn.ReLU6(inplace=True))


def _pointwise(inputs: int, outputs: int = WIDTH, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, groups=groups, bias=False)


class InvertedResidual(nn.Module):
    """MobileNet-v2's block, arXiv 1801.04381; here with its expansion even where that is 1."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = inputs == outputs and stride == 1
        self.output = nn.Sequential(
            _conv_bn_relu(inputs, hidden, 1),
            _conv_bn_relu(hidden, hidden, 3, stride, groups=hidden),
            nn.Sequential(*_conv_bn(hidden, outputs, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y: Tensor = self.output(x)
        return x + y if self.residual else y


class ChainedResidualPooling(nn.Module):
    """Light-Weight RefineNet's context block, arXiv 1810.03272: pool, project, add, four times over."""

    STAGES = 4

    def __init__(self, groups: int = 1) -> None:
        super().__init__()
        for stage in range(1, self.STAGES + 1):
            self.add_module(f"{stage}_outvar_dimred", _pointwise(WIDTH, groups=groups))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 256, H, W) to the same shape."""
        top = x
        for project in self.children():
            # The maximum over 5x5 is the maximum over rows of the maxima over columns: exactly the same
            # value from 10 comparisons in place of 25, and most of the network's time on a CPU was here.
            top = functional.max_pool2d(top, (1, 5), 1, (0, 2))
            top = functional.max_pool2d(top, (5, 1), 1, (2, 0))
            top = project(top)
            x = x + top
        return x


class JointNetwork(nn.Module):
    """Class logits, depth and, with three tasks, surface normals of an image.

    Args:
        num_classes: Channels of the segmentation head.
        num_tasks: 2 (segmentation, depth) or 3 (and normals).

    Raises:
        ValueError: `num_classes` below 1, or `num_tasks` neither 2 nor 3.
    """

    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential
    layer5: nn.Sequential
    layer6: nn.Sequential
    layer7: nn.Sequential
    layer8: nn.Sequential

    def __init__(self, num_classes: int, num_tasks: int = 2) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes is {num_classes}; a segmentation head needs at least one")
        if num_tasks not in (2, 3):
            raise ValueError(f"num_tasks is {num_tasks}; the network has 2 (segm, depth) or 3 (and normals)")
        self.num_classes = num_classes
        self.num_tasks = num_tasks

        self.layer1 = _conv_bn_relu(3, STEM, 3, stride=2)
        inputs = STEM
        for number, (expansion, outputs, repeats, stride) in enumerate(INVERTED_RESIDUALS, start=2):
            blocks = []
            for repeat in range(repeats):
                blocks.append(InvertedResidual(inputs, outputs, expansion, stride if repeat == 0 else 1))
                inputs = outputs
            self.add_module(f"layer{number}", nn.Sequential(*blocks))

        self.conv8, self.conv7, self.conv6 = _pointwise(320), _pointwise(160), _pointwise(96)
        self.conv5, self.conv4, self.conv3 = _pointwise(64), _pointwise(32), _pointwise(24)
        self.crp4 = nn.Sequential(ChainedResidualPooling())
        self.crp3 = nn.Sequential(ChainedResidualPooling())
        self.crp2 = nn.Sequential(ChainedResidualPooling())
        self.crp1 = nn.Sequential(ChainedResidualPooling(groups=WIDTH))
        self.conv_adapt4, self.conv_adapt3 = _pointwise(WIDTH), _pointwise(WIDTH)
        self.conv_adapt2 = _pointwise(WIDTH)

        self.pre_depth = _pointwise(WIDTH, groups=WIDTH)
        self.depth = nn.Conv2d(WIDTH, 1, 3, padding=1)
        self.pre_segm = _pointwise(WIDTH, groups=WIDTH)
        self.segm = nn.Conv2d(WIDTH, num_classes, 3, padding=1)
        if num_tasks == 3:  # noqa: PLR2004
            self.pre_normal = _pointwise(WIDTH, groups=WIDTH)
            self.normal = nn.Conv2d(WIDTH, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Outputs:
        """Run the network.

        Args:
            image: (N, 3, H, W) RGB, `(x / 255 - mean) / std` with ImageNet's mean and std; any H and W.
        """
        return self.heads(self.crp1(self.trunk(image)))

    def trunk(self, image: Tensor) -> Tensor:
        """All before the last context block: (N, 3, H, W) to (N, 256, H / 4, W / 4), rounded up."""
        x = self.layer2(self.layer1(image))
        l3 = self.layer3(x)  # 1/4
        l4 = self.layer4(l3)  # 1/8
        l5 = self.layer5(l4)  # 1/16
        l6 = self.layer6(l5)
        l7 = self.layer7(l6)  # 1/32
        l8 = self.layer8(l7)

        x = self.crp4(functional.relu6(self.conv8(l8) + self.conv7(l7)))
        x = _resize_like(self.conv_adapt4(x), l5)
        x = self.crp3(functional.relu6(self.conv5(l5) + self.conv6(l6) + x))
        x = _resize_like(self.conv_adapt3(x), l4)
        x = self.crp2(functional.relu6(self.conv4(l4) + x))
        x = _resize_like(self.conv_adapt2(x), l3)
        merged: Tensor = functional.relu6(self.conv3(l3) + x)
        return merged

    def heads(self, x: Tensor) -> Outputs:
        """What the last context block says, (N, 256, h, w), to the outputs."""
        segm = self.segm(functional.relu6(self.pre_segm(x)))
        depth = self.depth(functional.relu6(self.pre_depth(x)))
        if self.num_tasks == 2:  # noqa: PLR2004
            return Outputs(segm, depth)
        return Outputs(segm, depth, self.normal(functional.relu6(self.pre_normal(x))))


def _resize_like(x: Tensor, reference: Tensor) -> Tensor:
    # To an explicit size: sizes round up at each stride, so twice the size is one too many at times.
    return functional.interpolate(x, reference.shape[2:], mode="bilinear", align_corners=False)


def count_parameters(network: nn.Module) -> int:
    """Number of learnt values: weights, biases, and batch normalisation's scale and shift."""
    return sum(parameter.numel() for parameter in network.parameters())


def device_of(network: nn.Module) -> torch.device:
    """The device that holds the network."""
    return next(network.parameters()).device
