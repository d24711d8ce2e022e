# SPDX-License-Identifier: Apache-2.0
"""Results as tables: for the terminal and for a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joint_perception.benchmark.end_to_end import speed_up
from joint_perception.benchmark.variants import PEER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Row = Sequence[str]


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: What it shows.
        header: Names of the columns; the first holds words, the others figures.
        rows: As many cells each as the header.
    """

    title: str
    header: Row
    rows: Sequence[Row]

    def text(self) -> str:
        """For a terminal."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        told = [
            "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(line, widths, strict=True)))
            for line in lines
        ]  # fmt: skip
        return "\n".join([self.title, told[0], "-" * len(told[0]), *told[1:]])

    def markdown(self) -> str:
        """For a page."""
        rule = ["---", *["--:"] * (len(self.header) - 1)]
        lines = [f"| {' | '.join(line)} |" for line in (self.header, rule, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines])


def tables(results: Mapping[str, Any]) -> Iterator[Table]:
    """All tables of what was measured."""
    for key, frames in (("end_to_end", ""), ("end_to_end_batch_4", ", four cameras, one batch")):
        for size, rows in results.get(key, {}).items():
            yield _end_to_end(f"End to end at {size}{frames}: camera stamp to label, depth and points held", rows,
                              results.get("accuracy", {}).get(size, {}))  # fmt: skip
    for size, rows in results.get("stages", {}).items():
        yield _stages(f"Where a frame's time goes at {size} (median ms)", rows)
    for size, batches in results.get("engine", {}).items():
        for batch, rows in batches.items():
            yield _engine(f"Engine alone at {size}, {batch.replace('_', ' ')} (ms a batch)", rows,
                          results.get("engine_accuracy", {}).get(size, {}))  # fmt: skip
    yield from _of_the_network(results)
    if results.get("outpaced"):
        yield _outpaced(results["outpaced"])
    for what, points in results.get("growth", {}).items():
        if points:
            yield _growth(f"Growth with {what}", what, points)


def _of_the_network(results: Mapping[str, Any]) -> Iterator[Table]:
    for size, rows in results.get("roofline", {}).items():
        yield _roofline(f"The least that the network can take at {size}", rows)
    for size, engines in results.get("profile", {}).items():
        for name, rows in engines.items():
            yield _profile(f"Where the time of the engine {name} goes at {size}, under the profiler", rows)


def machine_line(results: Mapping[str, Any]) -> str:
    """The machine, the date and the command of a run, in one line."""
    machine = results.get("machine", {})
    told = [f"{machine.get('cores')} cores of {machine.get('cpu')}", machine.get("accelerator")]
    told += [f"load {machine.get('load')} at the start", machine.get("date"), f"`{machine.get('command')}`"]
    return ", ".join(str(word) for word in told if word)


def _end_to_end(title: str, rows: Mapping[str, Any], accuracy: Mapping[str, Any]) -> Table:
    faster = speed_up({title: rows}, PEER).get(title, {})
    header = ("variant", "median ms", "10..90 %", "x peer", "CPU ms", "memory MB", "lost", "labels equal", "depth off")
    body = []
    for name, row in rows.items():
        exact = accuracy.get(name, {})
        factor = "1" if name == PEER else f"{faster[name]:.1f}" if name in faster else ""
        cells = (figure(row.get("median_ms")), spread(row), factor, figure(row.get("cpu_ms")))
        body.append((name, *cells, figure(row.get("memory_mb"), 0), str(row.get("lost", "")), *_exact(exact)))
    return Table(title, header, body)


def _exact(accuracy: Mapping[str, Any]) -> tuple[str, str]:
    labels, depth = accuracy.get("label_agreement"), accuracy.get("depth_p99")
    return ("" if labels is None else f"{labels:.3%}", "" if depth is None else f"{depth:.3%}")


def _engine(title: str, rows: Mapping[str, Any], accuracy: Mapping[str, Any]) -> Table:
    header = (
        "engine",
        "median",
        "10..90 %",
        "network",
        "CPU",
        "CPU network",
        "labels equal",
        "depth off",
        "mIoU",
        "RMSE m",
    )
    body = []
    for name, row in rows.items():
        exact = accuracy.get(name, {})
        cells = (figure(row["median_ms"]), spread(row), figure(row.get("stages", {}).get("network")))
        cpu = (figure(row["cpu_ms"]), figure(row.get("network_cpu_ms")))
        body.append((name, *cells, *cpu, *_exact(exact), figure(exact.get("miou"), 4), figure(exact.get("rmse_m"), 3)))
    return Table(title, header, body)


def _stages(title: str, rows: Mapping[str, Any]) -> Table:
    stages: list[str] = []
    for row in rows.values():
        stages += [stage for stage in row if stage not in stages and stage != "rest"]
    stages.append("rest")
    return Table(title, ("variant", *stages), [(n, *(figure(r.get(s)) for s in stages)) for n, r in rows.items()])


def _outpaced(rows: Mapping[str, Any]) -> Table:
    header = ("variant", "camera ms", "alone ms", "median ms", "10..90 %", "between results", "results waited for")
    body = []
    for name, row in rows.items():
        waited = ", ".join(f"{n}: {count}" for n, count in row.get("waited_for", {}).items())
        between = figure(row.get("between_results", {}).get("median_ms"))
        cells = (figure(row.get("period_ms")), figure(row.get("alone_ms")), figure(row.get("median_ms")))
        body.append((name, *cells, spread(row), between, waited))
    return Table("A camera faster than the engine: latency, and how many results a frame waited for", header, body)


def _roofline(title: str, rows: Mapping[str, Any]) -> Table:
    header = ("precision", "GMAC", "GMAC/s", "compute ms", "MB", "GB/s", "memory ms")
    keys = ("gmac", "gmac_s", "compute_ms", "mb", "gb_s", "memory_ms")
    return Table(title, header, [(name, *(figure(row[key], 2) for key in keys)) for name, row in rows.items()])


def _profile(title: str, rows: Mapping[str, Any]) -> Table:
    header = ("kernel or operation", "ms a frame", "share", "calls a frame")
    cells = [(name, figure(row["ms"], 3), f"{row['share']:.1%}", f"{row['calls']:g}") for name, row in rows.items()]
    return Table(title, header, cells)


def _growth(title: str, what: str, points: Mapping[str, Any]) -> Table:
    header = (what, "median ms", "10..90 %", "CPU ms", "memory MB", "lost")
    rows = []
    for name, row in points.items():
        label = f"{name} (with {row['last']})" if "last" in row else name
        cells = (figure(row.get("median_ms")), spread(row), figure(row.get("cpu_ms")))
        rows.append((label, *cells, figure(row.get("memory_mb"), 0), str(row.get("lost", ""))))
    return Table(title, header, rows)


def spread(row: Mapping[str, Any]) -> str:
    """The 10th and 90th percentile."""
    return f"{figure(row['low_ms'])}..{figure(row['high_ms'])}" if "low_ms" in row else ""


def figure(value: float | None, digits: int = 1) -> str:
    """A number for a cell; empty for none."""
    return "" if value is None else f"{value:.{digits}f}"
