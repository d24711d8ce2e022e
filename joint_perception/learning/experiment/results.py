# SPDX-License-Identifier: Apache-2.0
"""What the runs of an experiment reached, one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from joint_perception.learning.checkpointing import replacing
from joint_perception.learning.config_record import public
from joint_perception.learning.experiment.plan import Run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from joint_perception.learning.experiment.config import ExperimentConfig
    from joint_perception.learning.training_config import TrainingConfig

RESULTS_FILE = "results.jsonl"
_NO_EFFECT = ("workers", "validation", "save_minutes", "log_every", "tensorboard")


class ExperimentError(RuntimeError):
    """An experiment that cannot go on: a run failed, or what is there belongs to another experiment."""


@dataclass(frozen=True)
class Result:
    """What a run reached.

    Attributes:
        run: Which.
        metrics: `<data set>/<figure>` to its value, of the tasks that it was trained for: `miou`, `pixel_accuracy`,
            `abs_rel`, `rmse` (metres), `delta1`.
        steps: Of the training.
        seconds: Of the training alone.
        measuring_seconds: Of distillation and measuring.
        protocol: Data set to how it was measured.
        settings: What the result depends on.
        machine: What it was computed with.
    """

    run: Run
    metrics: dict[str, float]
    steps: int
    seconds: float
    measuring_seconds: float
    protocol: dict[str, str]
    settings: dict[str, Any]
    machine: dict[str, Any]

    def to_json(self) -> str:
        """One line."""
        values = asdict(self)
        return json.dumps({**values.pop("run"), **values})


def settings_of(config: ExperimentConfig, training: TrainingConfig) -> dict[str, Any]:
    """What the result of a run depends on, as JSON types and without folders."""
    values = public(training)
    for key in _NO_EFFECT:
        values.pop(key)
    return {**values, "test_images": config.test_images, "test_size": list(config.size)}


def read_results(path: Path) -> dict[Run, Result]:
    """Read the results that are there; none where there is no file.

    Raises:
        ExperimentError: A line is no result.
    """
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    results = [_read_line(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
    return {result.run: result for result in results}


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Write all results; the file is whole at any time."""
    with replacing(path) as draft:
        draft.write_text("".join(f"{result.to_json()}\n" for result in results), encoding="utf-8")


def require_same_settings(result: Result, settings: dict[str, Any], path: Path) -> None:
    """Check that a result belongs to the experiment that goes on.

    Raises:
        ExperimentError: It was reached in another way.
    """
    differing = [
        key for key in sorted(result.settings.keys() | settings) if result.settings.get(key) != settings.get(key)
    ]
    if differing:
        key = differing[0]
        raise ExperimentError(
            f"{path} has a result of {result.run.name} with another configuration: {key} was "
            f"{result.settings.get(key)!r} and is {settings.get(key)!r}; change it back, or name another --out"
        )


def _read_line(line: str, where: str) -> Result:
    try:
        values = json.loads(line)
        run = Run(*(values.pop(key) for key in ("world", "arm", "share", "seed")))
        return Result(run=run, **values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExperimentError(f"{where} is no result ({error}); delete the line") from error
