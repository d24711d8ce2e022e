# SPDX-License-Identifier: Apache-2.0
"""Flying pixels: those between a near surface and a far one, which belong to neither."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def flying_pixels(depth: npt.NDArray[np.float32], threshold: float) -> npt.NDArray[np.bool_]:
    """Find the pixels at steps of the depth.

    A network's depth is smooth where the world's jumps: over the width of a step it passes through depths
    at which there is nothing.

    Args:
        depth: (H, W) float32 metres, NaN where there is none.
        threshold: Step to one of the four neighbours, as a share of the nearer depth of the two, above which
            both pixels count.

    Returns:
        (H, W) bool. A pixel without depth makes no step.
    """
    flying = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        first = depth[:-1] if axis == 0 else depth[:, :-1]
        second = depth[1:] if axis == 0 else depth[:, 1:]
        step = np.abs(second - first) > np.float32(threshold) * np.minimum(first, second)  # False where NaN
        if axis == 0:
            flying[:-1] |= step
            flying[1:] |= step
        else:
            flying[:, :-1] |= step
            flying[:, 1:] |= step
    return flying
