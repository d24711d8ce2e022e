# SPDX-License-Identifier: Apache-2.0
"""Results as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joint_perception.benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_STAGES = ("decode", "preprocess", "network", "postprocess", "cloud", "publish", "rest")
_COLORS = ("#8c8c8c", "#9ecae1", "#08519c", "#4292c6", "#fdae6b", "#e6550d", "#d9d9d9")
_PEER_COLOR = "#a50f15"


def check() -> None:
    """Complain now about what `draw` would miss later.

    Raises:
        BenchmarkError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415 (optional)
    except ModuleNotFoundError as error:
        raise BenchmarkError("--plot needs matplotlib; run: pip install 'matplotlib>=3.8,<4'") from error


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw latency and CPU time of each variant, by stage, and growth where it was measured.

    Args:
        results: As in the JSON.
        path: Of the PNG, SVG or PDF.

    Raises:
        BenchmarkError: There is nothing to draw, or matplotlib does not know the format.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 (optional)

    sizes = {size: rows for size, rows in results.get("end_to_end", {}).items() if rows}
    growth = {what: points for what, points in results.get("growth", {}).items() if points}
    if not sizes and not growth:
        raise BenchmarkError("nothing was measured end to end, so there is nothing to draw")
    columns, rows = max(len(sizes), len(growth)), bool(sizes) + bool(growth)
    figure = Figure(figsize=(5.6 * columns, 3.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for row in axes:
        for axis in row:
            axis.set_visible(False)
    for axis, (size, measured) in zip(axes[0], sizes.items(), strict=False):
        axis.set_visible(True)
        _bars(axis, size, measured, results.get("stages", {}).get(size, {}))
    for axis, (what, points) in zip(axes[-1], growth.items(), strict=False):
        axis.set_visible(True)
        _curve(axis, what, points)
    try:
        figure.savefig(path, dpi=130)
    except ValueError as error:
        raise BenchmarkError(f"{path} cannot be drawn: {error}") from error


def _bars(axis: Any, size: str, measured: Mapping[str, Any], stages: Mapping[str, Any]) -> None:
    names = [name for name, row in measured.items() if "median_ms" in row]
    for y, name in enumerate(names):
        row, left = measured[name], 0.0
        if name not in stages:
            axis.barh(y, row["median_ms"], color=_PEER_COLOR)
        for stage, color in zip(_STAGES, _COLORS, strict=True):
            width = stages.get(name, {}).get(stage, 0.0)
            axis.barh(y, width, left=left, color=color, label=stage if name == names[-1] else None)
            left += width
        low, high = row["median_ms"] - row["low_ms"], row["high_ms"] - row["median_ms"]
        axis.errorbar(row["median_ms"], y, xerr=[[low], [high]], color="black", capsize=3, linewidth=1)
        axis.annotate(f" {row['median_ms']:.0f} ms", (row["high_ms"], y), va="center", xytext=(4, 0),
                      textcoords="offset points")  # fmt: skip
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.15)
    axis.set_title(f"{size}: camera stamp to received label, depth, points")
    axis.set_xlabel("ms, median; whiskers 10..90 %")
    if stages:
        axis.legend(fontsize="x-small", loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)


def _curve(axis: Any, what: str, points: Mapping[str, Any]) -> None:
    known = {name: row for name, row in points.items() if "median_ms" in row}
    x = range(len(known))
    for key, color, label in (("median_ms", "#08519c", "latency"), ("cpu_ms", "#e6550d", "CPU time")):
        axis.plot(x, [row[key] for row in known.values()], "o-", color=color, label=label)
    axis.fill_between(x, [r["low_ms"] for r in known.values()], [r["high_ms"] for r in known.values()], alpha=0.2)
    axis.set_xticks(x, known, rotation=30 if what == "size" else 0)
    axis.set_ylim(bottom=0)
    axis.set_title(f"growth with {what}")
    axis.set_ylabel("ms a frame" if what != "cameras" else "ms a set of frames")
    axis.legend(fontsize="small")
    axis.spines[["top", "right"]].set_visible(False)
