# SPDX-License-Identifier: Apache-2.0
"""A second network, built differently in all that a contract can say: a small U-Net that knows three colours."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = """\
model: garden.onnx
input:
  name: pixels
  colors: BGR
  divisor: 255
  multiple_of: 8
outputs:
  segmentation: {name: probs, kind: probabilities, layout: NHWC}
  depth: {name: disparity, kind: inverse, scale: 0.5, shift: 0.01}
domain: garden
classes:
  - {name: water, color: [20, 60, 200]}
  - {name: grass, color: [30, 160, 40]}
  - {name: brick, color: [180, 60, 30]}
depth_range: [0.1, 50.0]
focal_length: 400.0
image_width: 320
"""
WATER, GRASS, BRICK = range(3)


class GardenNetwork(nn.Module):
    """(N, 3, H, W) BGR 0..1, H and W multiples of 8, to (N, H, W, 3) probabilities and (N, H, W, 1) disparity."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encode = nn.ModuleList([nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 8), (8, 16), (16, 16))])
        self.decode = nn.ModuleList([nn.Conv2d(i, o, 3, padding=1) for i, o in ((32, 16), (32, 8), (11, 8))])
        self.eval()

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        skips, x = [pixels], pixels
        for layer in self.encode:
            x = functional.relu(layer(x))
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        for layer, skip in zip(self.decode, (skips[3], skips[2], skips[0]), strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = functional.relu(layer(torch.cat([x, skip], dim=1)))
        # Blue is water, green is grass, red is brick; what the layers add is little.
        probabilities = torch.softmax(8 * pixels + 0.3 * x[:, :3], dim=1)
        disparity = 0.05 + pixels.mean(dim=1, keepdim=True) + 0.1 * x[:, 3:4]
        return probabilities.permute(0, 2, 3, 1), disparity.permute(0, 2, 3, 1)


def write_garden_network(folder: Path, contract: str = CONTRACT) -> Path:
    """Export it, with its contract beside it; the contract's path."""
    axes = {0: "n", 2: "h", 3: "w"}
    outputs = {name: {0: "n", 1: "h", 2: "w"} for name in ("probs", "disparity")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            GardenNetwork(),
            (torch.zeros(1, 3, 16, 24),),
            str(folder / "garden.onnx"),
            input_names=["pixels"],
            output_names=["probs", "disparity"],
            dynamic_axes={"pixels": axes, **outputs},
            dynamo=False,
        )
    path = folder / "garden.yaml"
    path.write_text(contract)
    return path


def garden_picture(height: int, width: int) -> np.ndarray:
    """Water at the left, grass in the middle, brick at the right, brighter downwards; (height, width, 3) uint8 RGB."""
    image = np.zeros((height, width, 3), np.uint8)
    image[...] = np.linspace(20, 60, height, dtype=np.uint8)[:, None, None]
    for index, channel in enumerate((2, 1, 0)):
        image[:, index * width // 3 : (index + 1) * width // 3, channel] = 220
    return image
