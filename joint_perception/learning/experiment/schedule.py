# SPDX-License-Identifier: Apache-2.0
"""The runs of an experiment, as many at a time as there are processes for, until the last or until told to stop."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from joint_perception.learning.experiment.perform import Place
from joint_perception.learning.experiment.plan import plan, training_of
from joint_perception.learning.experiment.prepare import prepare
from joint_perception.learning.experiment.results import (
    RESULTS_FILE,
    Result,
    read_results,
    require_same_settings,
    settings_of,
    write_results,
)
from joint_perception.learning.experiment.table import TABLE_FILE, make_table
from joint_perception.learning.experiment.worker import Worker
from joint_perception.learning.journal import LOG_FILE
from joint_perception.learning.processes import noting_stop_requests
from joint_perception.learning.train import STATE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from joint_perception.learning.experiment.config import ExperimentConfig
    from joint_perception.learning.experiment.plan import Run
    from joint_perception.learning.processes import StopRequest

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Summary:
    """How a call of `run_experiment` ended.

    Attributes:
        done: Runs that have a result, of `total`.
        total: Runs of the whole experiment.
        signal: Number of the signal that stopped it; None where it finished or its minutes were over.
    """

    done: int
    total: int
    signal: int | None


def run_experiment(
    config: ExperimentConfig,
    out: Path,
    roots: Mapping[str, Path],
    *,
    jobs: int = 1,
    device: str = "auto",
    max_minutes: float = math.inf,
    progress: bool = True,
) -> Summary:
    """Do an experiment, or go on where it stopped.

    Runs with a result are not repeated, and one that was interrupted goes on from its saved state. The table is
    written anew after each run.

    Args:
        config: The experiment.
        out: Gets `results.jsonl`, `table.md` and a folder for each run.
        roots: Folders of the data sets of files.
        jobs: Runs at a time, each in a process with an equal part of the cores.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        max_minutes: Stop after so many minutes of this call, resumable.
        progress: Show progress bars.

    Raises:
        ExperimentError: A run failed, or the folder holds the results of another experiment.
        DatasetError: A data set is not there, or damaged.
        ValueError: `jobs` is below 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}; at least 1")
    deadline = time.monotonic() + 60 * max_minutes
    runs, results = plan(config), read_results(out / RESULTS_FILE)
    place = Place(out, roots, {}, device)
    for run in runs:
        if run in results:
            settings = settings_of(config, training_of(config, run, {}, out))
            require_same_settings(results[run], settings, out / RESULTS_FILE)
    with noting_stop_requests() as stop:
        if any(run not in results for run in runs):
            small = prepare(
                config,
                roots,
                jobs=jobs,
                progress=progress,
                stopping=lambda: stop.number is not None or time.monotonic() > deadline,
            )
            if small is not None:
                schedule = _Schedule(config, replace(place, small=small), runs, results, deadline)
                schedule.work(jobs, stop, progress=progress)
        write_table(config, out)
        return Summary(sum(run in results for run in runs), len(runs), stop.number)


def write_table(config: ExperimentConfig, out: Path) -> Path:
    """Write the table of the results that are there."""
    path = out / TABLE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make_table(config, read_results(out / RESULTS_FILE)), encoding="utf-8")
    return path


class _Schedule:
    """What is done, under way and to be done."""

    def __init__(
        self, config: ExperimentConfig, place: Place, runs: list[Run], results: dict[Run, Result], deadline: float
    ) -> None:
        self.config, self.place, self.results, self.deadline = config, place, results, deadline
        self.total = len(runs)
        self.waiting = [run for run in runs if run not in results]
        self.active: dict[Worker, Run] = {}

    def work(self, jobs: int, stop: StopRequest, *, progress: bool) -> None:
        """Do the runs."""
        threads = max(1, (os.cpu_count() or 1) // jobs)
        idle = [Worker(self.config, self.place, threads) for _ in range(min(jobs, len(self.waiting)))]
        workers, told = list(idle), False
        try:
            with self._bar(progress=progress) as bar:
                while True:
                    ending = stop.number is not None or time.monotonic() > self.deadline
                    while idle and not ending and (run := self._next()) is not None:
                        self.active[worker := idle.pop()] = run
                        worker.begin(run, self.deadline - time.monotonic())
                    if not self.active:
                        break
                    if stop.number is not None and not told:
                        told = True
                        for worker in self.active:
                            worker.stop()
                    for connection in wait([worker.connection for worker in self.active], _LOOK_SECONDS):
                        worker = next(worker for worker in self.active if worker.connection is connection)
                        self._finish(self.active.pop(worker), worker.answer(stopping=told))
                        idle.append(worker)
                    self._show(bar)
        finally:
            for worker in workers:
                worker.end()

    def _next(self) -> Run | None:
        """The first run whose teachers are done."""
        for run in self.waiting:
            if all(teacher in self.results for teacher in run.teachers):
                self.waiting.remove(run)
                return run
        return None

    def _finish(self, run: Run, result: Result | None) -> None:
        if result is None:
            return
        self.results[run] = result
        write_results(self.place.out / RESULTS_FILE, self.results.values())
        write_table(self.config, self.place.out)
        (self.place.folder(run) / STATE_FILE).unlink(missing_ok=True)  # four times the size of the weights

    def _bar(self, *, progress: bool) -> tqdm[Any]:
        """In steps of all runs, so that the time that is left can be told before the first of them is done."""
        bar: tqdm[Any] = tqdm(
            total=self.total * self.config.steps, initial=self._steps(), unit="step", disable=not progress
        )
        self._show(bar)
        return bar

    def _show(self, bar: tqdm[Any]) -> None:
        under_way = ", ".join(run.name for run in self.active.values())
        bar.set_description(f"{self._done()} of {self.total} runs done", refresh=False)
        bar.set_postfix_str(under_way, refresh=False)
        bar.update(self._steps() - bar.n)

    def _done(self) -> int:
        return self.total - len(self.waiting) - len(self.active)

    def _steps(self) -> int:
        logs = (self.place.folder(run) / LOG_FILE for run in (*self.active.values(), *self.waiting))
        return self._done() * self.config.steps + sum(map(_last_step, logs))


def _last_step(log: Path) -> int:
    try:
        return int(json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["step"])
    except (OSError, ValueError, KeyError, IndexError):  # not begun, or a line half written
        return 0
