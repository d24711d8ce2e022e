# SPDX-License-Identifier: Apache-2.0
"""What weights lose on images made worse, and whether their confidence falls with it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joint_perception.learning.calibrate import spread
from joint_perception.learning.degradation import Degradation, Degraded
from joint_perception.learning.evaluate import Evaluation, evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joint_perception.domains import Domain
    from joint_perception.engine import Engine
    from joint_perception.learning.datasets import Dataset, Sample

CLEAN = "clean"


@dataclass(frozen=True)
class Measurement:
    """One data set in one state.

    Attributes:
        dataset: Name of the data set.
        degradation: `clean`, `uncalibrated` (clean, at temperature 1) or `KIND:STRENGTH`.
        evaluation: The figures.
    """

    dataset: str
    degradation: str
    evaluation: Evaluation

    def to_json(self) -> dict[str, Any]:
        """One object of JSON types, with the bins of the reliability diagram."""
        confidence = self.evaluation.confidence
        bins = None if confidence is None else [
            {"pixels": n, "confidence": c, "accuracy": a}
            for n, c, a in zip(
                confidence.bin_pixels, confidence.bin_confidence, confidence.bin_accuracy, strict=True
            )
            if n
        ]  # fmt: skip
        return {"dataset": self.dataset, "degradation": self.degradation, "bins": bins, **self.evaluation.to_json()}


class Kept:
    """Some samples of a data set, spread over it, read once and kept; see `Dataset`.

    Args:
        dataset: The data set.
        limit: How many.
    """

    def __init__(self, dataset: Dataset, limit: int) -> None:
        self._dataset, self._places = dataset, spread(len(dataset), limit)
        self._samples: dict[int, Sample] = {}
        self.name, self.split = dataset.name, dataset.split
        self.domain: Domain | None = dataset.domain
        chosen = len(self._places)
        self.note = f"{dataset.note}; {chosen} images spread over its {len(dataset)}"

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._places)

    def __getitem__(self, index: int) -> Sample:
        """A sample; raises what the data set raises."""
        if index not in self._samples:
            self._samples[index] = self._dataset[self._places[index]]
        return self._samples[index]


def measure(
    engine: Engine,
    dataset: Dataset,
    degradations: Sequence[Degradation],
    *,
    weights: str,
    cap: float | None = None,
    limit: int = 40,
    progress: bool = True,
) -> list[Measurement]:
    """Measure an engine on a data set as it is and made worse.

    Args:
        engine: Of the data set's domain.
        dataset: What to measure on.
        degradations: Each is measured by itself.
        weights: What the figures are said to be of.
        cap: See `evaluate`.
        limit: Images, spread evenly over the data set.
        progress: Show progress bars on stderr.

    Returns:
        Clean first, then in the order given; before them, where the weights are calibrated, what confidence was
        worth without.

    Raises:
        DatasetError, DomainError, MetricError: See `evaluate`.
    """
    kept = Kept(dataset, limit)
    found = []
    if engine.reading().temperature != 1.0:
        found.append(("uncalibrated", _evaluate(_uncalibrated(engine), kept, weights, cap, progress=progress)))
    found.append((CLEAN, _evaluate(engine, kept, weights, cap, progress=progress)))
    for degradation in degradations:
        worse = Degraded(kept, degradation)
        found.append((str(degradation), _evaluate(engine, worse, weights, cap, progress=progress)))
    return [Measurement(dataset.name, name, evaluation) for name, evaluation in found]


def _evaluate(engine: Engine, dataset: Dataset, weights: str, cap: float | None, *, progress: bool) -> Evaluation:
    return evaluate(engine, dataset, weights=weights, cap=cap, batch=1, progress=progress)


def _uncalibrated(engine: Engine) -> Engine:
    plain = copy.copy(engine)
    plain.temperatures = {}
    return plain


def table(measurements: Sequence[Measurement]) -> str:
    """The figures as a table in Markdown, a row for each data set and degradation."""
    rows = [
        "| data set | images | mIoU | pixel accuracy | abs rel | delta < 1.25 | confidence | surer than right | ECE |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for measurement in measurements:
        result = measurement.evaluation
        labels, depth, confidence = result.segmentation, result.depth, result.confidence
        cells = [
            _cell(labels, "miou"),
            _cell(labels, "pixel_accuracy"),
            _cell(depth, "abs_rel"),
            _cell(depth, "delta1"),
            _cell(confidence, "mean"),
            _cell(confidence, "overconfidence", "+.3f"),
            _cell(confidence, "ece"),
        ]
        rows.append(f"| {measurement.dataset} | {measurement.degradation} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(scores: object | None, figure: str, form: str = ".3f") -> str:
    return "" if scores is None else format(getattr(scores, figure), form)
