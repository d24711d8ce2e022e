# SPDX-License-Identifier: Apache-2.0
"""The network's outputs to labels, metres, confidence and normals at the image's size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn import functional

from joint_perception.domains.domain import VOID_ID
from joint_perception.engine.frame import EVERYTHING, Prediction

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy.typing as npt

    from joint_perception.engine.reading import Reading
    from joint_perception.network import Outputs


class Decided(NamedTuple):
    """What is decided of N images, on the device where it was.

    Attributes:
        labels: (N, H, W) uint8 ids.
        depth: (N, H, W) float32 metres, NaN where it is no measurement.
        confidence: (N, H, W) float32 0..1; None where nobody asked.
        normals: (N, H, W, 3) float32 unit vectors; None where there are none, or nobody asked.
    """

    labels: torch.Tensor
    depth: torch.Tensor
    confidence: torch.Tensor | None
    normals: torch.Tensor | None


class Terms(NamedTuple):
    """The numbers of N readings as tensors, which a recorded computation reads anew each time; (N, 1, 1) float32 each.

    Attributes:
        temperature: See `Reading`.
        min_confidence: See `Reading`.
        depth_scale: See `Reading`.
        least: Metres below which depth is no measurement.
        greatest: Metres above which it is none.
    """

    temperature: torch.Tensor
    min_confidence: torch.Tensor
    depth_scale: torch.Tensor
    least: torch.Tensor
    greatest: torch.Tensor

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> Terms:
        """Those of N readings, on the CPU."""
        rows = [(r.temperature, r.min_confidence, r.depth_scale, *r.limits) for r in readings]
        return cls(*torch.tensor(rows, dtype=torch.float32).T.reshape(len(cls._fields), len(rows), 1, 1))

    def to(self, device: torch.device) -> Terms:
        """The same there."""
        return Terms(*torch.stack(tuple(self)).to(device))


class Aspects(NamedTuple):
    """What is computed of N readings besides labels and depth, and what can be spared.

    Attributes:
        confidence: Whether it is wanted, or decides over labels.
        normals: Whether they are wanted.
        tempered: Whether a temperature is not 1.
    """

    confidence: bool
    normals: bool
    tempered: bool

    @classmethod
    def of(cls, readings: Sequence[Reading], wanted: Collection[str]) -> Aspects:
        """Those of readings."""
        return cls(
            confidence="confidence" in wanted or any(reading.min_confidence > 0 for reading in readings),
            normals="normals" in wanted,
            tempered=any(reading.temperature != 1.0 for reading in readings),
        )


def to_predictions(
    outputs: Outputs, size: tuple[int, int], reading: Reading, wanted: Collection[str] = EVERYTHING
) -> list[Prediction]:
    """Resize the outputs to the image, then decide.

    Logits are interpolated and then compared; ids never are interpolated. Depth is the head's absolute
    value times the reading's scale; outside its range, or not finite, it is no measurement (NaN), never the
    nearest limit.

    Args:
        outputs: Of N images.
        size: (height, width) of the images.
        reading: Which channels of the segmentation head count, and which depths.
        wanted: Of `confidence` and `normals`, those that are wanted.

    Returns:
        N predictions.
    """
    readings = [reading] * len(outputs.segm)
    terms, domain = Terms.of(readings).to(outputs.segm.device), reading.domain
    channels = slice(domain.first_channel, domain.first_channel + domain.num_classes)
    decided = decide(outputs._replace(segm=outputs.segm[:, channels]), size, terms, Aspects.of(readings, wanted))
    return on_host(decided, wanted)


def decide(outputs: Outputs, size: tuple[int, int], terms: Terms, aspects: Aspects) -> Decided:
    """The decisions of `to_predictions`, on the device of the outputs.

    Args:
        outputs: Of N images, with the channels alone that count.
        size: See `to_predictions`.
        terms: Of each image, on the same device.
        aspects: What is computed.
    """
    logits = resize(outputs.segm, size)
    best, labels = logits.max(dim=1)
    labels = labels.to(torch.uint8)
    confidence = None
    if aspects.confidence:
        if aspects.tempered:  # after the labels: rounding must not make two logits equal
            best, logits = best / terms.temperature, logits / terms.temperature.unsqueeze(1)
        # Probability of the greatest logit: exp(best) / sum exp, without the other N - 1 divisions.
        confidence = torch.exp(best - torch.logsumexp(logits, dim=1))
        # A NaN logit means that the network's sums overflowed: the label is arbitrary, and is trusted by nobody.
        confidence = torch.nan_to_num(confidence, nan=0.0).clamp_(0.0, 1.0)
    normal = outputs.normal if aspects.normals else None
    return conclude(labels, confidence, outputs.depth, normal, size, terms)


def conclude(
    labels: torch.Tensor,
    confidence: torch.Tensor | None,
    depth: torch.Tensor,
    normal: torch.Tensor | None,
    size: tuple[int, int],
    terms: Terms,
) -> Decided:
    """What is left once labels are chosen: which of them are sure enough, metres and unit vectors.

    Args:
        labels: (N, H, W) uint8 ids at the images' size.
        confidence: (N, H, W) of the labels; None where nobody asks for it.
        depth: (N, 1, h, w) metres, up to their sign.
        normal: (N, 3, h, w) of any length; None where there are none, or nobody asks.
        size: See `to_predictions`.
        terms: See `decide`.
    """
    if confidence is not None:
        labels = labels.masked_fill(confidence < terms.min_confidence, VOID_ID)
    metres = resize(depth, size).squeeze(1).abs() * terms.depth_scale
    measured = (metres >= terms.least) & (metres <= terms.greatest)
    normals = None if normal is None else unit_normals(normal, size)
    return Decided(labels, metres.masked_fill(~measured, torch.nan), confidence, normals)


def on_host(decided: Decided, wanted: Collection[str] = EVERYTHING) -> list[Prediction]:
    """N predictions of what was decided."""
    nothing = [None] * len(decided.labels)
    probability = nothing if decided.confidence is None or "confidence" not in wanted else numpy_of(decided.confidence)
    vectors = nothing if decided.normals is None else numpy_of(decided.normals)
    rows = zip(numpy_of(decided.labels), numpy_of(decided.depth), probability, vectors, strict=True)
    return [Prediction(*row) for row in rows]


def unit_normals(heads: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize what the head for normals says, then make unit vectors of it: (N, 3, h, w) to (N, H, W, 3)."""
    return functional.normalize(resize(heads, size), dim=1).permute(0, 2, 3, 1)


def resize(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(N, C, h, w) to (N, C, H, W): bilinear, pixel areas aligned."""
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def numpy_of(x: torch.Tensor) -> npt.NDArray[Any]:
    """A tensor's values on the host, C-contiguous."""
    array: npt.NDArray[Any] = x.contiguous().cpu().numpy()
    return array
