# SPDX-License-Identifier: Apache-2.0
"""From the camera's stamp to the subscriber that holds the results: variants in turn, in one run."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from joint_perception.benchmark.series import summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from joint_perception.benchmark.rig import Rig, Shot

REST = "rest"
"""What no stage of the node explains: DDS both ways, waiting for the executor and the worker."""


_PATIENCE_S = (20.0, 40.0, 120.0)


class EndToEnd:
    """Collects what frames cost.

    Args:
        rig: Running.
        sizes: Names of the pictures' sizes.
        names: Of the variants.
    """

    def __init__(self, rig: Rig, sizes: Sequence[str], names: Sequence[str]) -> None:
        self._rig, self._sizes, self._names = rig, sizes, names
        self._shots: dict[tuple[str, str], list[Shot | None]] = defaultdict(list)

    def warm_up(self) -> None:
        """One frame of each size through each variant: first frames pay for compiling and allocating."""
        for size in self._sizes:
            for name in self._names:
                # Again where nothing came: on a busy machine DDS may not have found everybody yet.
                any(self._rig.shoot(name, size, 0, patience) for patience in _PATIENCE_S)

    def round(self, frames: int) -> Iterator[None]:
        """A few frames through each variant in turn; the first of a turn, which finds cold caches, is not counted."""
        for size in self._sizes:
            for name in self._names:
                for index in range(frames + 1):
                    shot = self._rig.shoot(name, size, index)
                    if index:
                        self._shots[size, name].append(shot)
                yield

    def results(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Latency, CPU time, memory by size and variant, of what was measured so far."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for (size, name), shots in self._shots.items():
            came = [shot for shot in shots if shot is not None]
            if not came:
                found.setdefault(size, {})[name] = {"lost": len(shots)}
                continue
            latency = summary(shot.latency_ms for shot in came)
            cpu = summary(shot.cpu_ms for shot in came)
            found.setdefault(size, {})[name] = {
                **latency,
                "cpu_ms": cpu["median_ms"],
                "cpu_low_ms": cpu["low_ms"],
                "cpu_high_ms": cpu["high_ms"],
                "memory_mb": round(self._rig.memory_mb(name)),
                "lost": len(shots) - len(came),
            }
        return found

    def stages(self) -> dict[str, dict[str, dict[str, float]]]:
        """Median milliseconds of each stage, and the rest of the latency, by size and variant."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for (size, name), shots in self._shots.items():
            told = [shot for shot in shots if shot is not None and shot.stages]
            if not told:
                continue
            stages = {stage: _median(shot.stages.get(stage, 0.0) for shot in told) for stage in told[-1].stages}
            stages[REST] = _median(shot.latency_ms - sum(shot.stages.values()) for shot in told)
            found.setdefault(size, {})[name] = stages
        return found


def _median(values: Iterable[float]) -> float:
    return float(summary(values).get("median_ms", float("nan")))


def outpaced(rig: Rig, name: str, size: str, frames: int, factor: float = 4.0) -> dict[str, Any]:
    """What becomes of latency when the camera is faster than the engine.

    Args:
        rig: Running.
        name: Of the variant.
        size: Of the pictures.
        frames: Number of frames the engine would take alone.
        factor: How many times the engine's pace the camera goes at.

    Returns:
        The camera's period, the time between results, latencies, and for each result how many others came
        between its sending and its own arrival: `waited_for`, which counts the frames it waited for.
    """
    alone = rig.shoot(name, size, 0)
    if alone is None:
        return {}
    period = alone.latency_ms * 1e-3 / factor
    sent, came = rig.stream(name, size, period, round(frames * factor))
    waited = waited_for(came)
    arrivals = [arrived for _, arrived in came]
    return {
        "period_ms": round(period * 1e3, 3),
        "alone_ms": round(alone.latency_ms, 3),
        "sent": len(sent),
        "came": len(came),
        **summary((arrived - stamp) * 1e-6 for stamp, arrived in came),
        "between_results": summary((b - a) * 1e-6 for a, b in itertools.pairwise(arrivals)),
        "waited_for": {str(n): waited.count(n) for n in sorted(set(waited))},
    }


def waited_for(came: Sequence[tuple[int, int]]) -> list[int]:
    """For each result how many others arrived between its frame's stamp and its own arrival.

    Args:
        came: Stamp and arrival of each, in the order of arrival.
    """
    return [sum(stamp < other < arrived for _, other in came) for stamp, arrived in came]


def speed_up(results: Mapping[str, Mapping[str, Mapping[str, Any]]], base: str) -> dict[str, dict[str, float]]:
    """How many times faster than the base each variant is, by size."""
    return {
        size: {
            name: round(rows[base]["median_ms"] / row["median_ms"], 2)
            for name, row in rows.items()
            if name != base and "median_ms" in row
        }
        for size, rows in results.items()
        if "median_ms" in rows.get(base, {})
    }
