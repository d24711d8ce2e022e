# SPDX-License-Identifier: Apache-2.0
"""Measured values, as a median with its spread."""

from __future__ import annotations

import json
import math
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def summary(values: Iterable[float], unit: str = "ms") -> dict[str, float | int]:
    """Median, 10th and 90th percentile and number of values.

    Args:
        values: Any number, NaN left out.
        unit: What the names of the results end with.

    Returns:
        `median_<unit>`, `low_<unit>`, `high_<unit>`, `count`; empty for no values.
    """
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return {}
    return {
        f"median_{unit}": round(statistics.median(known), 3),
        f"low_{unit}": round(percentile(known, 10), 3),
        f"high_{unit}": round(percentile(known, 90), 3),
        "count": len(known),
    }


def percentile(ascending: list[float], share: float) -> float:
    """The value below which that many per cent of sorted values lie, interpolated."""
    position = (len(ascending) - 1) * share / 100
    low = math.floor(position)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (ascending[high] - ascending[low]) * (position - low)


def write_json(path: Path, results: dict[str, Any]) -> None:
    """Write results so that a reader never sees half of them."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(results, indent=1) + "\n")
    part.replace(path)
