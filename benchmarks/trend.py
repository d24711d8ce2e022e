# SPDX-License-Identifier: Apache-2.0
"""Whether a series grows: a robust test, for memory, descriptors and threads over time."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS = 60  # a series is cut into so many, and each counts by its median: a spike is no trend
_FEWEST = 4  # fewer have no trend
_SIGNIFICANT = 2.33  # one-sided, 1 %


@dataclass(frozen=True)
class Trend:
    """How a series develops.

    Attributes:
        growth: What Theil and Sen's slope makes of it from beginning to end, in its own unit.
        z: Mann and Kendall's, corrected for ties; above 2.33 a growth is significant at 1 %.
    """

    growth: float
    z: float

    def grows(self, tolerance: float) -> bool:
        """Whether it grows significantly, and by more than the tolerance."""
        return self.z > _SIGNIFICANT and self.growth > tolerance


def trend(times: Sequence[float], values: Sequence[float], edges: Sequence[float] = ()) -> Trend:
    """Test a series for growth.

    Theil-Sen estimator (Sen, JASA 1968): the median of the slopes of all pairs; up to 29 % of the points may be
    anything. Mann-Kendall test (Mann, Econometrica 1945; Kendall 1975): the sign of all pairs.

    Args:
        times: Seconds, rising.
        values: As many; those that are NaN are left out.
        edges: Where periods begin, in seconds, the last of them not a whole one: what rises and falls within each
            is no trend, and each counts by its median. Fewer than five: sixty equal blocks take their place.
    """
    t, v = np.asarray(times, np.float64), np.asarray(values, np.float64)
    keep = np.isfinite(v)
    t, v = t[keep], v[keep]
    if len(edges) > _FEWEST:
        blocks = [np.flatnonzero((t >= a) & (t < b)) for a, b in itertools.pairwise(edges)]
    else:
        blocks = np.array_split(np.arange(len(v)), _BLOCKS)
    blocks = [block for block in blocks if len(block)]
    t = np.array([np.median(t[block]) for block in blocks])
    v = np.array([np.median(v[block]) for block in blocks])
    n = len(v)
    if n < _FEWEST:
        return Trend(0.0, 0.0)
    i, j = np.triu_indices(n, 1)
    rise = v[j] - v[i]
    slope = float(np.median(rise / (t[j] - t[i])))
    s = float(np.sign(rise).sum())
    ties = np.unique(v, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    z = 0.0 if variance <= 0 or s == 0 else (s - math.copysign(1, s)) / math.sqrt(variance)
    return Trend(slope * float(t[-1] - t[0]), z)
