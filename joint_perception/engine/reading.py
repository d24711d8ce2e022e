# SPDX-License-Identifier: Apache-2.0
"""How a network's outputs are read for one camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joint_perception.domains import Domain


@dataclass(frozen=True)
class Reading:
    """What the outputs of a network mean for the camera whose frame it saw.

    Attributes:
        domain: What the labels mean, and where their channels lie.
        depth_scale: What the network's metres are multiplied by: another lens than the training camera's, and
            what a calibration found.
        depth_range: Least and greatest depth in metres, after scaling, that count as measured; None: the
            domain's.
        min_confidence: Labels less probable than this become void, 255.
        temperature: What the logits are divided by before they become a confidence: above 1 where the network is
            surer than it is right. No label changes by it, but for `min_confidence`.
    """

    domain: Domain
    depth_scale: float = 1.0
    depth_range: tuple[float, float] | None = None
    min_confidence: float = 0.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what would turn every depth, or every confidence, into nonsense.

        Raises:
            ValueError: A scale or a temperature that is not above zero, or a range that is none.
        """
        if not (math.isfinite(self.depth_scale) and self.depth_scale > 0):
            raise ValueError(f"depth scale is {self.depth_scale}; it must be above zero")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature is {self.temperature}; it must be above zero")
        low, high = self.limits
        if not 0 <= low < high:
            raise ValueError(f"depth range is {low} to {high} m; need 0 <= min < max")

    def from_channel(self, first: int) -> Reading:
        """The same reading of outputs whose first channel is that one of the segmentation head."""
        if first == 0:
            return self
        return replace(self, domain=replace(self.domain, first_channel=self.domain.first_channel - first))

    @property
    def limits(self) -> tuple[float, float]:
        """Least and greatest depth in metres that count as measured."""
        return self.domain.depth_range if self.depth_range is None else self.depth_range
