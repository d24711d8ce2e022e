# SPDX-License-Identifier: Apache-2.0
"""The results of an experiment as tables, and what of the paper's claim they bear out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from joint_perception.learning.experiment.plan import Run, representative

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from joint_perception.learning.experiment.config import ExperimentConfig
    from joint_perception.learning.experiment.plan import Arm
    from joint_perception.learning.experiment.results import Result

TABLE_FILE = "table.md"
# Rows of the table by their letter: what they are called, and the arm that a figure of labels and of depth is from.
ROWS: dict[str, tuple[str, Arm, Arm]] = {
    "a": ("two networks, one for each task", "segm", "depth"),
    "b": ("one, only images with both", "complete", "complete"),
    "c": ("one, all images, masked losses", "masked", "masked"),
    "d": ("one, all images, hard distillation", "distilled", "distilled"),
}
COMPARISONS = (("d", "a"), ("d", "c"), ("d", "b"), ("c", "b"), ("c", "a"))
# Of a row against another: by more or by less than the wider of their spreads, or with a single seed, which has none.
BETTER, WORSE, WITHIN = "better beyond the spread", "worse beyond the spread", "within the spread"
AHEAD, BEHIND = "ahead with one seed", "behind with one seed"
VERDICTS = (BETTER, WORSE, WITHIN, AHEAD, BEHIND)
_DIFFERENCES = """\
Above zero: the first is better, in the unit of the figure. Mean over the seeds; in how many of them the sign is that of
the mean; whether the mean exceeds the spread (greatest minus least over the seeds) of both rows."""
_CLAIMS = {
    ("d", "a"): "One network, taught by two, against the two",
    ("d", "c"): "Hard distillation against masked losses",
    ("d", "b"): "Hard distillation against the images with both alone",
    ("c", "b"): "Masked losses against the images with both alone",
    ("c", "a"): "One network with masked losses against two",
}


@dataclass(frozen=True)
class Figure:
    """A column of the tables.

    Attributes:
        key: `<data set>/<figure>` of a result.
        title: What the table calls it.
        factor: From the result's unit to the table's.
        decimals: To show.
        better: 1 where more is better, -1 where less is.
    """

    key: str
    title: str
    factor: float
    decimals: int
    better: int

    @property
    def of_labels(self) -> bool:
        """Whether it measures labels, not depth."""
        return self.key.endswith("/miou")


def figures_of(config: ExperimentConfig, world: str) -> list[Figure]:
    """The columns of a world."""
    columns = []
    for entry in config.worlds[world].data:
        name = "" if entry.dataset == world else f"{entry.dataset} "
        columns.append(Figure(f"{entry.dataset}/miou", f"{name}mIoU %", 100, 1, 1))
        if entry.has_depth:
            columns.append(Figure(f"{entry.dataset}/abs_rel", f"{name}abs rel", 1, 3, -1))
            columns.append(Figure(f"{entry.dataset}/rmse", f"{name}RMSE m", 1, 2, -1))
    return columns


def make_table(config: ExperimentConfig, results: Mapping[Run, Result]) -> str:
    """All that the results say, as Markdown.

    Args:
        config: Of the experiment; worlds and shares are taken from it, seeds from the results.
        results: By run.
    """
    view = _View(config, results)
    lines = ["Mean over the seeds (least to greatest); n: number of seeds, where it is not that of the heading."]
    for world in config.worlds:
        lines += ["", *_world_table(view, world)]
    lines += ["", *_comparison_table(view), "", *_statements(view), "", *_protocols(view)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _View:
    config: ExperimentConfig
    results: Mapping[Run, Result]

    def values(self, world: str, row: str, share: float, figure: Figure) -> dict[int, float]:
        """By seed, in the table's unit."""
        _, for_labels, for_depth = ROWS[row]
        arm = for_labels if figure.of_labels else for_depth
        found = {}
        for seed in self.seeds:
            wanted = Run(world, arm, None if arm == "depth" else share, seed)
            result = self.results.get(representative(self.config.worlds[world], wanted))
            if result is not None and figure.key in result.metrics:
                found[seed] = figure.factor * result.metrics[figure.key]
        return found

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for run in self.results})

    def cells(self) -> Iterator[tuple[str, float, Figure]]:
        for world in self.config.worlds:
            for share in self.config.shares:
                for figure in figures_of(self.config, world):
                    yield world, share, figure


@dataclass(frozen=True)
class _Gain:
    """What a row has before another, seed by seed: above zero where it is better."""

    by_seed: tuple[float, ...]
    spread: float

    @property
    def mean(self) -> float:
        return sum(self.by_seed) / len(self.by_seed)

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        if len(self.by_seed) == 1:
            return AHEAD if self.mean > 0 else BEHIND
        if abs(self.mean) <= self.spread:
            return WITHIN
        return BETTER if self.mean > 0 else WORSE


def _gain(view: _View, world: str, share: float, figure: Figure, rows: tuple[str, str]) -> _Gain | None:
    """None where no seed has both, or both are one training."""
    first, second = (view.values(world, row, share, figure) for row in rows)
    seeds = sorted(first.keys() & second.keys())
    if not seeds or _are_one(view, world, share, rows):
        return None
    spread = max(max(v[s] for s in seeds) - min(v[s] for s in seeds) for v in (first, second))
    return _Gain(tuple(figure.better * (first[s] - second[s]) for s in seeds), spread)


def _are_one(view: _View, world: str, share: float, rows: tuple[str, ...]) -> bool:
    trained = {representative(view.config.worlds[world], Run(world, ROWS[row][1], share, 0)) for row in rows}
    return len(trained) == 1


def _world_table(view: _View, world: str) -> list[str]:
    config, columns = view.config, figures_of(view.config, world)
    seeds = [view.values(world, row, share, f) for row in ROWS for share in config.shares for f in columns]
    most = max(map(len, seeds))
    lines = [f"### {world} (n = {most})", ""]
    titles = [f"{_percent(share)}: {figure.title}" for share in config.shares for figure in columns]
    lines += [f"| labels of | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    for row, (title, *_) in ROWS.items():
        cells = [_cell(view.values(world, row, s, figure), figure, most) for s in config.shares for figure in columns]
        lines.append(f"| ({row}) {title} | {' | '.join(cells)} |")
    for share in config.shares:
        if _are_one(view, world, share, ("b", "c", "d")):
            lines += ["", f"At {_percent(share)} nothing is missing in {world}: (b), (c) and (d) are one training."]
    return lines


def _cell(values: Mapping[int, float], figure: Figure, most: int) -> str:
    if not values:
        return "-"
    numbers, digits = list(values.values()), figure.decimals
    text = f"{sum(numbers) / len(numbers):.{digits}f}"
    if len(numbers) > 1:
        text += f" ({min(numbers):.{digits}f} to {max(numbers):.{digits}f})"
    return text if len(numbers) == most else f"{text}, n = {len(numbers)}"


def _comparison_table(view: _View) -> list[str]:
    lines = [
        "### Differences",
        "",
        _DIFFERENCES,
        "",
        f"| | figure | {' | '.join(f'({first}) against ({second})' for first, second in COMPARISONS)} |",
        f"|---|---|{'---|' * len(COMPARISONS)}",
    ]
    for world, share, figure in view.cells():
        cells = [_gain_text(_gain(view, world, share, figure, rows), figure) for rows in COMPARISONS]
        lines.append(f"| {world} {_percent(share)} | {figure.title} | {' | '.join(cells)} |")
    return lines


def _gain_text(gain: _Gain | None, figure: Figure) -> str:
    if gain is None:
        return "-"
    alike = sum(value * gain.mean > 0 for value in gain.by_seed)
    verdict = {WITHIN: "within", AHEAD: "one seed", BEHIND: "one seed"}.get(gain.verdict, "beyond")
    return f"{gain.mean:+.{figure.decimals}f}, {alike}/{len(gain.by_seed)}, {verdict}"


def _statements(view: _View) -> list[str]:
    lines = ["### What holds", ""]
    for rows in COMPARISONS:
        found: dict[str, list[str]] = {}
        for world, share, figure in view.cells():
            if (gain := _gain(view, world, share, figure, rows)) is not None:
                where = f"{world} {_percent(share)} {figure.title} {gain.mean:+.{figure.decimals}f}"
                found.setdefault(gain.verdict, []).append(where)
        parts = [
            f"{verdict} in {len(found[verdict])}{_listed(verdict, found[verdict])}"
            for verdict in VERDICTS
            if verdict in found
        ]
        total = sum(map(len, found.values()))
        lines.append(f"- {_CLAIMS[rows]}, ({rows[0]}) against ({rows[1]}), {total} figures: {', '.join(parts) or '-'}.")
    return lines


def _listed(verdict: str, where: list[str]) -> str:
    return f" ({'; '.join(where)})" if verdict in (BETTER, WORSE) else ""


def _protocols(view: _View) -> list[str]:
    found = {text: None for result in view.results.values() for text in result.protocol.values()}
    trained = sorted({f"{result.steps} steps" for result in view.results.values()})
    seconds = [result.seconds + result.measuring_seconds for result in view.results.values()]
    lines = ["### Protocol", "", *(f"- {text}" for text in found)]
    if seconds:
        mean = sum(seconds) / len(seconds)
        lines.append(f"- {len(seconds)} trainings of {' or '.join(trained)}, {mean:.0f} s each with measuring")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
