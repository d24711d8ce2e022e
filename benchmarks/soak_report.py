# SPDX-License-Identifier: Apache-2.0
"""What a soak found: the verdict on each series, and the plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from trend import trend

if TYPE_CHECKING:
    from pathlib import Path

# What may be gained over the whole run without being called growth: share of the median, or this much.
TOLERANCES = {
    "rss_mb": (0.05, 24.0),
    "anonymous_mb": (0.05, 24.0),
    "gpu_mb": (0.05, 24.0),
    "fds": (0.0, 4.0),
    "threads": (0.0, 2.0),
}


def verdicts(samples: dict[str, list[float]], warm_up_s: float, rounds: list[float]) -> dict[str, dict[str, Any]]:
    """Test each series that must not grow, after the warm-up.

    Args:
        samples: Series by name, with `time_s`.
        warm_up_s: When it ends.
        rounds: When each round of all faults began: some take memory and give it back.
    """
    times = np.asarray(samples["time_s"])
    steady = times >= warm_up_s
    found = {}
    for name, (share, least) in TOLERANCES.items():
        if name not in samples:
            continue
        values = np.asarray(samples[name], np.float64)[steady]
        result = trend(times[steady], values, [begin for begin in rounds if begin >= warm_up_s])
        tolerance = max(share * float(np.median(values)), least) if len(values) else least
        found[name] = {
            "growth": round(result.growth, 2),
            "tolerance": round(tolerance, 2),
            "z": round(result.z, 2),
            "grows": result.grows(tolerance),
            "median": round(float(np.median(values)), 2) if len(values) else None,
            "greatest": round(float(values.max()), 2) if len(values) else None,
        }
    return found


def plot(path: Path, report: dict[str, Any]) -> None:
    """Draw a report as PNG.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 (only this needs it)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("the plot needs matplotlib: pip install 'matplotlib>=3.8,<4'") from error
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    samples, minutes = report["samples"], np.asarray(report["samples"]["time_s"]) / 60
    panels: list[tuple[str, list[str]]] = [("MiB", ["rss_mb", "anonymous_mb"])]
    if "gpu_mb" in samples:
        panels.append(("GPU MiB", ["gpu_mb"]))
    panels += [("count", ["fds", "threads"]), ("latency ms", ["latency_p50_ms", "latency_p90_ms", "latency_p99_ms"])]
    panels.append(("frames / s", ["rate_in", "rate_out"]))
    figure, axes = plt.subplots(len(panels), 1, figsize=(9, 1.9 * len(panels) + 0.6), sharex=True)
    for axis, (unit, names) in zip(axes, panels, strict=True):
        for name in names:
            axis.plot(minutes, samples[name], lw=0.9, label=name)
        for fault in report["faults"]:
            axis.axvline(fault["time_s"] / 60, color="0.85", lw=0.5, zorder=0)
        axis.axvspan(0, report["warm_up_s"] / 60, color="0.94", zorder=-1)
        axis.set_ylabel(unit)
        axis.set_ylim(bottom=0)
        axis.legend(loc="lower right", fontsize=7, ncols=3)
    settings = report["settings"]
    axes[0].set_title(
        f"soak: {settings['width']}x{settings['height']} at {settings['rate']:g} Hz, {minutes[-1]:.0f} minutes, "
        f"{len(report['faults'])} faults (grey lines), warm-up shaded",
        fontsize=9,
    )
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
