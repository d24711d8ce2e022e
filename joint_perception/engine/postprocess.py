# SPDX-License-Identifier: Apache-2.0
"""The network's outputs to labels, metres, confidence and normals at the image's size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from joint_perception.domains.domain import VOID_ID
from joint_perception.engine.frame import EVERYTHING, Prediction

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    import numpy.typing as npt

    from joint_perception.engine.reading import Reading
    from joint_perception.network import Outputs


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
    domain = reading.domain
    first = domain.first_channel
    logits = resize(outputs.segm[:, first : first + domain.num_classes], size)
    best, labels = logits.max(dim=1)
    labels = labels.to(torch.uint8)
    confidence = None
    if "confidence" in wanted or reading.min_confidence > 0:
        if reading.temperature != 1.0:  # after the labels: rounding must not make two logits equal
            best, logits = best / reading.temperature, logits / reading.temperature
        # Probability of the greatest logit: exp(best) / sum exp, without the other N - 1 divisions.
        confidence = torch.exp(best - torch.logsumexp(logits, dim=1))
        # A NaN logit means that the network's sums overflowed: the label is arbitrary, and is trusted by nobody.
        confidence = torch.nan_to_num(confidence, nan=0.0).clamp_(0.0, 1.0)
    return assemble(labels, confidence, outputs.depth, outputs.normal, size, reading, wanted)


def assemble(
    labels: torch.Tensor,
    confidence: torch.Tensor | None,
    depth: torch.Tensor,
    normal: torch.Tensor | None,
    size: tuple[int, int],
    reading: Reading,
    wanted: Collection[str] = EVERYTHING,
) -> list[Prediction]:
    """Labels that are decided, and the other heads' outputs, to predictions.

    Args:
        labels: (N, H, W) uint8 ids at the images' size.
        confidence: (N, H, W) of the labels; None where nobody asks for it.
        depth: (N, 1, h, w) metres, up to their sign.
        normal: (N, 3, h, w) of any length; None where there are none.
        size: See `to_predictions`.
        reading: See `to_predictions`.
        wanted: See `to_predictions`.
    """
    if confidence is not None and reading.min_confidence > 0:
        labels = labels.masked_fill(confidence < reading.min_confidence, VOID_ID)
    depth = resize(depth, size).squeeze(1).abs()
    if reading.depth_scale != 1.0:
        depth = depth * reading.depth_scale
    low, high = reading.limits
    depth = torch.where((depth >= low) & (depth <= high), depth, torch.nan)

    nothing = [None] * len(labels)
    ids, metres = _numpy(labels), _numpy(depth)
    probability = nothing if confidence is None or "confidence" not in wanted else _numpy(confidence)
    vectors = nothing if normal is None or "normals" not in wanted else unit_normals(normal, size)
    return [Prediction(*row) for row in zip(ids, metres, probability, vectors, strict=True)]


def unit_normals(heads: torch.Tensor, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Resize what the head for normals says, then make unit vectors of it: (N, 3, h, w) to (N, H, W, 3)."""
    return _numpy(functional.normalize(resize(heads, size), dim=1).permute(0, 2, 3, 1))


def resize(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(N, C, h, w) to (N, C, H, W): bilinear, pixel areas aligned."""
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def _numpy(x: torch.Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = x.contiguous().cpu().numpy()
    return array
