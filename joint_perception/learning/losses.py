# SPDX-License-Identifier: Apache-2.0
"""Losses of the three heads, in which what a sample lacks has no part: its gradient is exactly zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from joint_perception.domains.domain import VOID_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from joint_perception.learning.datasets import Targets
    from joint_perception.network import Outputs

BERHU_SHARE = 0.2  # of the greatest error of the batch: Laina et al., arXiv 1606.00373


class Weights(NamedTuple):
    """What the loss of each head counts; the paper weighs its tasks equally."""

    segm: float = 0.5
    depth: float = 0.5
    normal: float = 0.5


class Counts(NamedTuple):
    """Number of annotated pixels for each head, as float scalars."""

    segm: Tensor
    depth: Tensor
    normal: Tensor


class Losses(NamedTuple):
    """The loss of a batch, scalars with gradients.

    Attributes:
        total: Weighted sum of the others.
        segm: Mean cross-entropy of the labelled pixels; zero where there are none.
        depth: Mean berHu loss of the measured pixels, metres or relative; zero where there are none.
        normal: Mean of 1 - cos of the pixels with a normal; zero where there are none.
    """

    total: Tensor
    segm: Tensor
    depth: Tensor
    normal: Tensor


def joint_loss(
    outputs: Outputs,
    targets: Targets,
    weights: Weights = Weights(),  # noqa: B008 (immutable)
    counts: Counts | None = None,
    reduce_max: Callable[[Tensor], Tensor] | None = None,
    *,
    relative: bool = False,
) -> Losses:
    """Weighted sum of the losses of all heads.

    Each head is resized to the annotations, as the authors do, unless these have its size already.

    Args:
        outputs: Of a batch; a network of two tasks has no normals, and its `normal` loss is zero.
        targets: What is known of each sample, on the same device.
        weights: Of the heads.
        counts: What the sums are divided by; None: the annotated pixels of this batch. Where a batch is spread
            over W processes whose gradients are averaged, the count over all of them divided by W makes the
            gradient that of the undivided batch; where it is accumulated from parts, the count over all parts.
        reduce_max: Makes the greatest depth error of this process that of all.
        relative: Divide depth errors by the measured depth.

    Returns:
        The losses; all zero, with zero gradients, where nothing is annotated.
    """
    counts = counts or count_targets(targets)
    size = (targets.labels.shape[-2], targets.labels.shape[-1])
    segm = segmentation_loss(outputs.segm, targets.labels, targets.channels) / counts.segm
    metres = _resized(outputs.depth, size).squeeze(1)
    depth = berhu_loss(metres, targets.depth, reduce_max, relative=relative) / counts.depth
    if outputs.normal is None:
        normal = torch.zeros_like(segm)
    else:
        normal = normal_loss(_resized(outputs.normal, size), targets.normals) / counts.normal
    total = weights.segm * segm + weights.depth * depth + weights.normal * normal
    return Losses(total, segm, depth, normal)


def count_targets(targets: Targets) -> Counts:
    """Count the annotated pixels; at least one for each head, so that one may divide by it."""
    masks = (targets.labels != VOID_ID, _measured(targets.depth), _is_normal(targets.normals))
    return Counts(*(mask.sum().clamp(min=1).float() for mask in masks))


def segmentation_loss(logits: Tensor, labels: Tensor, channels: Tensor | None = None) -> Tensor:
    """Sum of the cross-entropies of the labelled pixels.

    Args:
        logits: (N, C, h, w); resized to the labels.
        labels: (N, H, W) integer class ids of each sample's domain; 255 is ignored.
        channels: (N, 2): first channel and number of channels of each sample's domain. The probabilities of a
            sample are then over these channels alone, as the engine takes its labels from these alone, and
            the others get no gradient from it. None: over all.

    Returns:
        A scalar.
    """
    if channels is None:
        return _cross_entropy(logits, labels)
    total = logits.new_zeros((), dtype=torch.promote_types(logits.dtype, torch.float32))
    # Only a domain's own channels are resized: of the 46 a street needs six, and this was a fifth of a step on a CPU.
    for first, count in sorted({(first, count) for first, count in channels.tolist()}):
        samples = torch.nonzero((channels[:, 0] == first) & (channels[:, 1] == count)).squeeze(1)
        total = total + _cross_entropy(logits[samples, first : first + count], labels[samples])
    return total


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    resized = _resized(logits, (labels.shape[-2], labels.shape[-1]))
    return functional.cross_entropy(resized, labels.long(), ignore_index=VOID_ID, reduction="sum")


def berhu_loss(
    predicted: Tensor,
    measured: Tensor,
    reduce_max: Callable[[Tensor], Tensor] | None = None,
    *,
    relative: bool = False,
) -> Tensor:
    """Sum of the inverse Huber losses of the measured pixels.

    With e = |relu(predicted) - measured|, or that divided by what was measured, and c a fifth of the greatest e of the
    batch: e up to c, and (e^2 + c^2) / 2c above. c is a constant for the gradient: else the worst pixel would be pushed
    away from its measurement whenever many others exceed c.

    Args:
        predicted: (N, H, W) metres.
        measured: (N, H, W) metres; not above zero or not finite where nothing was measured.
        reduce_max: Makes the greatest error of this process that of all.
        relative: Divide by what was measured: rooms of a few metres then count as much as streets of eighty.

    Returns:
        A scalar, metres; or, if relative, a number.
    """
    valid = _measured(measured)
    # Without the NaN: whether its gradient is NaN, even where nothing of it is used, is up to each backend.
    known = torch.where(valid, measured, 0.0)
    error = torch.where(valid, (functional.relu(predicted) - known).abs(), 0.0)
    if relative:
        error = error / torch.where(valid, measured, 1.0)
    greatest = error.detach().max()
    if reduce_max is not None:
        greatest = reduce_max(greatest)
    c = (BERHU_SHARE * greatest).clamp(min=torch.finfo(error.dtype).eps)
    return torch.where(error <= c, error, (error.square() + c.square()) / (2 * c)).sum()


def normal_loss(predicted: Tensor, annotated: Tensor) -> Tensor:
    """Sum of 1 - cos of the angles between normals.

    Args:
        predicted: (N, 3, H, W) vectors of any length.
        annotated: (N, 3, H, W) vectors of any length; zero or NaN where there is none.

    Returns:
        A scalar.
    """
    valid = _is_normal(annotated)
    known = torch.where(valid[:, None], annotated, 1.0)
    cosine = functional.cosine_similarity(predicted, known, dim=1)
    return torch.where(valid, 1 - cosine, 0.0).sum()


def _measured(depth: Tensor) -> Tensor:
    return torch.isfinite(depth) & (depth > 0)


def _is_normal(normals: Tensor) -> Tensor:
    return torch.isfinite(normals).all(dim=1) & (normals != 0).any(dim=1)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if x.dtype in (torch.bfloat16, torch.float16):
        x = x.float()  # sums over a hundred thousand pixels
    if x.shape[2:] == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)
