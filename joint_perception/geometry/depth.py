# SPDX-License-Identifier: Apache-2.0
"""Depth images in integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MAX_MILLIMETRES = 65535


def to_millimetres(depth: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Convert metres to REP-118's integers.

    Args:
        depth: (H, W) float32 metres; NaN where there is no measurement.

    Returns:
        (H, W) uint16 millimetres, rounded; 0 where there is no measurement or more than 65.535 m.
    """
    rounded = np.rint(depth * np.float32(1000))
    fits = (rounded >= 0) & (rounded <= _MAX_MILLIMETRES)  # False for NaN
    return np.where(fits, rounded, 0).astype(np.uint16)
