# SPDX-License-Identifier: Apache-2.0
"""How well a runtime agrees with the plain network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from joint_perception.engine.frame import Prediction
    from joint_perception.network import Outputs

LEAST_LABELS = 0.99
MOST_DEPTH_ERROR = 0.01
SIZE = (240, 320)


@dataclass(frozen=True)
class Agreement:
    """Of a runtime with the plain network in fp32.

    Attributes:
        labels: Share of equal labels.
        depth_error: Mean over the pixels of the difference of the depths, as a share of the plain one.
    """

    labels: float
    depth_error: float

    @property
    def sufficient(self) -> bool:
        """Whether the runtime can stand in for the plain network; False where a number is none."""
        return self.labels >= LEAST_LABELS and self.depth_error <= MOST_DEPTH_ERROR

    def describe(self) -> str:
        """In words."""
        return f"{self.labels:.2%} of labels equal, depth {self.depth_error:.2%} off"


def agreement(outputs: Outputs, reference: Outputs) -> Agreement:
    """Compare the outputs of a runtime with those of the plain network, at the heads' size."""
    labels = (outputs.segm.argmax(dim=1) == reference.segm.argmax(dim=1)).double().mean()
    plain = reference.depth.double().abs()
    error = (outputs.depth.double().abs() - plain).abs() / plain.clamp_min(1e-3)
    return Agreement(float(labels), float(error.mean()))


def disagreement(found: Prediction, plain: Prediction) -> str:
    """In what a prediction differs from the plain way's, by the same measure; empty: in too little to matter."""
    labels = float(np.mean(found.labels == plain.labels))
    with np.errstate(invalid="ignore"):
        error = np.abs(found.depth - plain.depth) / np.maximum(plain.depth, 1e-3)
    depth = float(np.mean(error[np.isfinite(error)])) if np.isfinite(error).any() else 0.0
    measured = float(np.mean(np.isfinite(found.depth) == np.isfinite(plain.depth)))
    if labels >= LEAST_LABELS and measured >= LEAST_LABELS and depth <= MOST_DEPTH_ERROR:
        return ""
    return f"{labels:.2%} of labels equal, {measured:.2%} measured alike, depth {depth:.2%} off"


def check_pixels(device: torch.device) -> torch.Tensor:
    """A picture to measure by: (1, 240, 320, 3) uint8, the same each time.

    Ground, sky and boxes with edges and shades, since on noise no network is sure of anything.
    """
    height, width = SIZE
    y = torch.linspace(0, 1, height).view(-1, 1, 1)
    x = torch.linspace(0, 1, width).view(1, -1, 1)
    sky, ground = torch.tensor([150.0, 180.0, 220.0]), torch.tensor([110.0, 105.0, 100.0])
    horizon = 0.45
    picture = torch.where(y < horizon, sky * (1.0 - 0.3 * y), ground * (0.6 + 0.5 * y) + 0 * x)
    for left, right, top, bottom, color in (
        (0.05, 0.25, 0.15, 0.6, (140.0, 70.0, 60.0)),
        (0.4, 0.55, 0.35, 0.7, (60.0, 80.0, 150.0)),
        (0.65, 0.95, 0.05, 0.55, (190.0, 180.0, 150.0)),
        (0.3, 0.35, 0.3, 0.75, (40.0, 90.0, 40.0)),
    ):
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        picture = torch.where(inside, torch.tensor(color) * (0.8 + 0.4 * (x - left) / (right - left)), picture)
    noise = torch.rand(height, width, 1, generator=torch.Generator().manual_seed(0)) * 8 - 4
    return (picture + noise).clamp(0, 255).to(torch.uint8).unsqueeze(0).to(device)
