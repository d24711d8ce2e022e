# SPDX-License-Identifier: Apache-2.0
"""Whether confidence is what it says: the share of the pixels of a confidence that are right.

The figures are those of Guo et al., *On Calibration of Modern Neural Networks* (ICML 2017, arXiv 1706.04599):
expected calibration error over 15 bins of equal width, and one temperature that minimises the negative log-likelihood.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.metrics import MetricError
from joint_perception.network.temperatures import GREATEST, LEAST

BINS = 15
_HALVINGS = 40  # of the range of the logarithm of the temperature: far below what anybody reads


@dataclass(frozen=True)
class ConfidenceScores:
    """What confidence was worth over the annotated pixels of a set.

    Attributes:
        ece: Expected calibration error, 0..1: the mean over the pixels of how far the accuracy of their bin is from
            its mean confidence.
        mean: Mean confidence.
        accuracy: Share of the pixels that are right.
        pixels: Number of pixels.
        bin_pixels: (15,) pixels in each bin of equal width, least confidence first.
        bin_confidence: (15,) mean confidence in each; NaN where there is no pixel.
        bin_accuracy: (15,) share that is right in each; NaN where there is no pixel.
    """

    ece: float
    mean: float
    accuracy: float
    pixels: int
    bin_pixels: tuple[int, ...]
    bin_confidence: tuple[float, ...]
    bin_accuracy: tuple[float, ...]

    @property
    def overconfidence(self) -> float:
        """Mean confidence minus accuracy: above zero where the network is surer than it is right."""
        return self.mean - self.accuracy


class ConfidenceMetric:
    """Confidence and correctness, pooled over all annotated pixels; void (255) is ignored.

    Args:
        device: Where the summing is done.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._sums = torch.zeros(3, BINS, dtype=torch.float64, device=device)  # pixels, confidence, right ones

    def update(self, confidence: Tensor, predicted: Tensor, annotated: Tensor) -> None:
        """Add an image or a batch.

        Args:
            confidence: 0..1.
            predicted: Class ids of the same shape.
            annotated: Class ids of the same shape, 255 where void.

        Raises:
            MetricError: The shapes differ, or a confidence that counts is none.
        """
        if not confidence.shape == predicted.shape == annotated.shape:
            raise MetricError(
                f"confidence is {tuple(confidence.shape)}, labels are {tuple(predicted.shape)} and the annotation is "
                f"{tuple(annotated.shape)}; all must be of one size"
            )
        device = self._sums.device
        annotated = annotated.to(device)
        counted = annotated != VOID_ID
        given = confidence.to(device)[counted].double()
        if given.numel() and not bool(((given >= 0) & (given <= 1)).all()):
            raise MetricError("a confidence is outside 0..1, or NaN")
        right = (predicted.to(device)[counted] == annotated[counted]).double()
        place = (given * BINS).long().clamp_(max=BINS - 1)
        for row, terms in enumerate((torch.ones_like(given), given, right)):
            self._sums[row].index_add_(0, place, terms)

    def scores(self) -> ConfidenceScores | None:
        """The scores of all that was added; None where nothing was annotated."""
        pixels, confidence, right = self._sums.cpu()
        total = float(pixels.sum())
        if not total:
            return None
        return ConfidenceScores(
            ece=float((confidence - right).abs().sum()) / total,
            mean=float(confidence.sum()) / total,
            accuracy=float(right.sum()) / total,
            pixels=int(total),
            bin_pixels=tuple(int(n) for n in pixels.tolist()),
            bin_confidence=tuple((confidence / pixels).tolist()),
            bin_accuracy=tuple((right / pixels).tolist()),
        )


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature at which the labels are likeliest.

    The negative log-likelihood is convex in the inverse of the temperature, with one root of its derivative, the mean
    of E_p[z] - z_y: it is found by halving.

    Args:
        logits: (N, C) float of N pixels.
        labels: (N,) ids of the right channels, none void.

    Returns:
        From `LEAST` to `GREATEST`; one of the two where the likeliest is beyond it.

    Raises:
        MetricError: There is no pixel, or a logit is not finite.
    """
    if not len(labels) or not bool(torch.isfinite(logits).all()):
        raise MetricError(f"a temperature cannot be fitted to {len(labels)} pixels, or to logits that are not finite")
    labels = labels.long()
    own = logits.gather(1, labels[:, None]).double().mean()
    low, high = math.log(LEAST), math.log(GREATEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = ((logits / math.exp(middle)).softmax(dim=1) * logits).sum(dim=1).double().mean()
        # Surer than right: the expected logit is above that of the right class, and the temperature must rise.
        low, high = (middle, high) if expected > own else (low, middle)
    return math.exp((low + high) / 2)
