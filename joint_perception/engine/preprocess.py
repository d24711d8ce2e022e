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


def to_pixels(
    images: Sequence[npt.NDArray[np.uint8]], device: torch.device, size: tuple[int, int] | None = None
) -> torch.Tensor:
    """Stack, move and resize images.

    Args:
        images: (H, W, 3) uint8 RGB each, all of one size.
        device: Where the network is. The images travel there as bytes, a quarter of the floats.
        size: (height, width) to resize to, bilinear with antialiasing; None: as they are.

    Returns:
        (N, h, w, 3) RGB 0..255 on the device, contiguous: uint8, or float32 where they were resized.
    """
    # One image that is contiguous is not copied: nobody writes into pixels.
    stacked = np.ascontiguousarray(images[0])[None] if len(images) == 1 else np.stack(images)
    if not stacked.flags.writeable:
        stacked = stacked.copy()  # torch warns of memory it must not write to
    return resized(torch.from_numpy(stacked).to(device), size)


def resized(pixels: torch.Tensor, size: tuple[int, int] | None) -> torch.Tensor:
    """Images as the network is to see them.

    Args:
        pixels: (N, H, W, 3) uint8, contiguous.
        size: See `to_pixels`.

    Returns:
        See `to_pixels`.
    """
    if size is None or size == tuple(pixels.shape[1:3]):
        return pixels
    x = functional.interpolate(
        pixels.permute(0, 3, 1, 2).float(), size, mode="bilinear", align_corners=False, antialias=True
    )
    return x.permute(0, 2, 3, 1).contiguous()


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """`(x / 255 - mean) / std`.

    Args:
        pixels: (N, H, W, 3) RGB 0..255, uint8 or float32.

    Returns:
        (N, 3, H, W) float32 on the same device, channels last in memory.
    """
    mean = torch.tensor(MEAN, device=pixels.device).mul(255).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).mul(255).view(1, 3, 1, 1)
    x = pixels.permute(0, 3, 1, 2).float()
    return x.sub(mean).div(std).contiguous(memory_format=torch.channels_last)


def to_input(
    images: Sequence[npt.NDArray[np.uint8]], device: torch.device, size: tuple[int, int] | None = None
) -> torch.Tensor:
    """Stack, move, resize and normalise: `normalised(to_pixels(...))`."""
    return normalised(to_pixels(images, device, size))
