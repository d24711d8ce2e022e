# SPDX-License-Identifier: Apache-2.0
"""Images to the network's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

# ImageNet's, with which the encoder was trained.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def to_input(
    images: Sequence[npt.NDArray[np.uint8]], device: torch.device, size: tuple[int, int] | None = None
) -> torch.Tensor:
    """Stack, move, resize and normalise images: `(x / 255 - mean) / std`.

    Args:
        images: (H, W, 3) uint8 RGB each, all of one size.
        device: Where the network is. The images travel there as bytes, a quarter of the floats.
        size: (height, width) to resize to, bilinear with antialiasing; None: as they are.

    Returns:
        (N, 3, h, w) float32 on the device, channels last in memory.
    """
    batch = torch.from_numpy(np.stack(images)).to(device)
    x = batch.permute(0, 3, 1, 2).float()
    if size is not None and size != tuple(x.shape[2:]):
        x = functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    mean = torch.tensor(MEAN, device=device).mul(255).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=device).mul(255).view(1, 3, 1, 1)
    return x.sub(mean).div(std).contiguous(memory_format=torch.channels_last)
