# SPDX-License-Identifier: Apache-2.0
"""Samples as tensors, stacked into batches; what a sample lacks becomes void and NaN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from joint_perception.domains.domain import VOID_ID
from joint_perception.engine.preprocess import MEAN, STD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joint_perception.domains import Domain
    from joint_perception.learning.datasets.sample import Sample


@dataclass(frozen=True)
class Example:
    """A sample as tensors.

    Attributes:
        image: (3, H, W) uint8 RGB.
        labels: (H, W) uint8 class ids of its domain, 255 where void; or None.
        depth: (H, W) float32 metres, NaN where there is none; or None.
        normals: (3, H, W) float32 unit vectors in the optical frame, NaN where there is none; or None.
        channels: First channel of the segmentation head that belongs to the sample's domain, and their
            number; None: all do.
    """

    image: Tensor
    labels: Tensor | None = None
    depth: Tensor | None = None
    normals: Tensor | None = None
    channels: tuple[int, int] | None = None


class Targets(NamedTuple):
    """The annotations of a batch of N.

    Attributes:
        labels: (N, H, W) uint8 class ids of each sample's domain; 255 where void or missing.
        depth: (N, H, W) float32 metres; NaN where not measured or missing.
        normals: (N, 3, H, W) float32 unit vectors; NaN where there is none or missing.
        channels: (N, 2) int64: first channel of the segmentation head and number of channels of each
            sample's domain; None: all channels belong to every sample.
        present: (N, 3) bool: which samples came with labels, with depth, with normals.
    """

    labels: Tensor
    depth: Tensor
    normals: Tensor
    channels: Tensor | None
    present: Tensor

    def to(self, device: torch.device | str) -> Targets:
        """The same on another device."""
        moved = (None if x is None else x.to(device, non_blocking=True) for x in self)
        return Targets(*moved)  # type: ignore[arg-type]


class Batch(NamedTuple):
    """A batch: (N, 3, H, W) uint8 RGB images and their annotations."""

    images: Tensor
    targets: Targets


def to_example(sample: Sample, domain: Domain | None = None) -> Example:
    """A sample as tensors.

    Args:
        sample: What a data set gave.
        domain: The domain of its labels as it lies in the network's head (`get_domain(name, head_classes)`),
            where the head holds more than this one.
    """
    normals = None if sample.normals is None else torch.from_numpy(sample.normals).permute(2, 0, 1).contiguous()
    return Example(
        torch.from_numpy(sample.image).permute(2, 0, 1).contiguous(),
        None if sample.labels is None else torch.from_numpy(sample.labels),
        None if sample.depth is None else torch.from_numpy(sample.depth),
        normals,
        None if domain is None else (domain.first_channel, domain.num_classes),
    )


def collate(examples: Sequence[Example]) -> Batch:
    """Stack examples of one size, each with whichever annotations it has.

    Raises:
        ValueError: No examples, or some tell their channels of the head and others do not.
    """
    if not examples or len({example.channels is None for example in examples}) != 1:
        raise ValueError(
            f"a batch of {len(examples)} examples must have at least one, and either all or none with channels; "
            "give to_example a domain for each, or for none"
        )
    images = torch.stack([example.image for example in examples])
    n, _, height, width = images.shape
    targets = Targets(
        torch.full((n, height, width), VOID_ID, dtype=torch.uint8),
        torch.full((n, height, width), torch.nan),
        torch.full((n, 3, height, width), torch.nan),
        None if examples[0].channels is None else torch.tensor([example.channels for example in examples]),
        torch.zeros(n, 3, dtype=torch.bool),
    )
    for i, example in enumerate(examples):
        for head, (target, annotation) in enumerate(
            zip(targets[:3], (example.labels, example.depth, example.normals), strict=True)
        ):
            if annotation is not None and target is not None:
                target[i] = annotation
                targets.present[i, head] = True
    return Batch(images, targets)


def network_input(images: Tensor) -> Tensor:
    """What the network takes: `(x / 255 - mean) / std`, as the engine does it.

    Args:
        images: (N, 3, H, W) uint8 RGB, on the network's device.

    Returns:
        (N, 3, H, W) float32, channels last in memory.
    """
    mean = torch.tensor(MEAN, device=images.device).mul(255).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=images.device).mul(255).view(1, 3, 1, 1)
    return images.float().sub(mean).div(std).contiguous(memory_format=torch.channels_last)
