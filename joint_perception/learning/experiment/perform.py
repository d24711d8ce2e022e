# SPDX-License-Identifier: Apache-2.0
"""One run of an experiment: what its teachers say, its training, its measurement."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from joint_perception.domains import get_domain
from joint_perception.engine import Engine
from joint_perception.learning.checkpointing import read_record
from joint_perception.learning.datasets import open_dataset
from joint_perception.learning.distill import distill, sha256_of
from joint_perception.learning.evaluate import evaluate
from joint_perception.learning.experiment.plan import missing, pseudo_folder, training_of
from joint_perception.learning.experiment.prepare import images_to_measure
from joint_perception.learning.experiment.results import ExperimentError, Result, settings_of
from joint_perception.learning.train import LAST_FILE, STATE_FILE, train
from joint_perception.learning.views import WorldViews
from joint_perception.network import load_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from joint_perception.engine import Frame, Prediction
    from joint_perception.learning.datasets import Dataset
    from joint_perception.learning.evaluate import Evaluation
    from joint_perception.learning.experiment.config import ExperimentConfig, SetConfig
    from joint_perception.learning.experiment.plan import Run
    from joint_perception.network import JointNetwork

RUNS = "runs"
_BATCH = 8


@dataclass(frozen=True)
class Place:
    """Where an experiment reads and writes, and on what it computes.

    Attributes:
        out: Its folder.
        roots: Folders of the data sets of files.
        small: Those of their small copies.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    out: Path
    roots: Mapping[str, Path]
    small: Mapping[str, Path]
    device: str = "auto"

    def folder(self, run: Run) -> Path:
        """A run's own."""
        return self.out / RUNS / run.name


class Teachers:
    """Labels of one engine and depth of another, as a teacher of depth; see `distill.Teacher`.

    Depth of what the labels call sky is not handed on, and the network for depth was never trained to say labels.

    Args:
        segm: Says the labels.
        depth: Says the depth, in the same domain.
    """

    modalities = ("segm", "depth")

    def __init__(self, segm: Engine, depth: Engine) -> None:
        self.domain = segm.domain
        self._segm, self._depth = segm, depth

    def predict(self, frames: Sequence[Frame], /) -> list[Prediction]:
        """One prediction for each frame, each at its frame's size."""
        both = zip(self._segm.predict(frames), self._depth.predict(frames), strict=True)
        return [replace(labels, depth=depth.depth) for labels, depth in both]


def perform(config: ExperimentConfig, run: Run, place: Place, max_seconds: float) -> Result | None:
    """Do a run, or go on with it.

    Args:
        config: Of the experiment.
        run: One of its plan, whose teachers' runs are done.
        place: Where.
        max_seconds: Stop the training after so long, resumable.

    Returns:
        What it reached; None where it was stopped before its end.

    Raises:
        ExperimentError: The weights of a teacher are gone.
        ValueError, RuntimeError: As `train`, `distill` and `evaluate` do.
    """
    began = time.monotonic()
    folder = place.folder(run)
    training = training_of(config, run, place.small, folder / "pseudo")
    if run.teachers:
        _ask_teachers(config, run, place)
    asked = time.monotonic()
    outcome = train(
        training,
        folder,
        device=place.device,
        resume=(folder / STATE_FILE).is_file(),
        max_minutes=(max_seconds - (asked - began)) / 60,
        progress=False,
    )
    if outcome.step < outcome.steps:
        return None
    trained = time.monotonic()
    network = load_network(folder / LAST_FILE)
    evaluations = {
        entry.dataset: _measure(config, entry, network, place, run) for entry in config.worlds[run.world].data
    }
    record = read_record(folder / LAST_FILE) or {}
    return Result(
        run=run,
        metrics={
            f"{name}/{key}": value
            for name, evaluation in evaluations.items()
            for key, value in _figures(evaluation, run).items()
        },
        steps=outcome.steps,
        seconds=record["seconds"],
        measuring_seconds=round(time.monotonic() - trained + asked - began, 1),
        protocol={name: _protocol(evaluation) for name, evaluation in evaluations.items()},
        settings=settings_of(config, training),
        machine={
            "device": record["device"],
            "threads": torch.get_num_threads(),
            "cores": os.cpu_count(),
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    )


def _ask_teachers(config: ExperimentConfig, run: Run, place: Place) -> None:
    """Write down what the networks of one task say where the run's images lack something."""
    files = [place.folder(teacher) / LAST_FILE for teacher in run.teachers]
    if absent := [file for file in files if not file.is_file()]:
        raise ExperimentError(
            f"{run.name} learns from {absent[0]}, which is gone; delete the line of that run from the results, and it "
            "is trained again"
        )
    networks = [load_network(file) for file in files]
    digest = hashlib.sha256("".join(sha256_of(file) for file in files).encode()).hexdigest()
    for entry in config.worlds[run.world].data:
        dataset, root = _training_images(config, entry, place)
        segm, depth = (_engine(network, dataset, place) for network in networks)
        for modality in missing(run, entry):
            distill(
                Teachers(segm, depth) if modality == "depth" else segm,
                dataset,
                root,
                modality,
                pseudo_folder(place.folder(run) / "pseudo", entry.dataset, modality),
                teacher=" and ".join(teacher.name for teacher in run.teachers),
                teacher_sha256=digest,
                everything=True,
                limit=entry.limit,
                batch=_BATCH,
                progress=False,
            )


def _training_images(config: ExperimentConfig, entry: SetConfig, place: Place) -> tuple[Dataset, Path | None]:
    """As the training opens them, by which the teachers' files are named."""
    if entry.is_synthetic:
        return WorldViews(entry.dataset, "train", config.size, entry.views, Path(config.cache)), None
    root = place.small[entry.dataset]
    return open_dataset(entry.dataset, root, "train"), root


def _measure(config: ExperimentConfig, entry: SetConfig, network: JointNetwork, place: Place, run: Run) -> Evaluation:
    dataset = images_to_measure(config, entry, place.roots)
    engine = _engine(network, dataset, place, None if entry.is_synthetic else config.size)
    return evaluate(
        engine,
        dataset,
        weights=run.name,
        cap=engine.domain.depth_range[1],  # what is farther is not learnt from either
        batch=_BATCH,
        limit=config.test_images if entry.is_synthetic else None,
        progress=False,
    )


def _engine(network: JointNetwork, dataset: Dataset, place: Place, size: tuple[int, int] | None = None) -> Engine:
    assert dataset.domain is not None  # rooms, streets and CamVid have one
    return Engine(network, get_domain(dataset.domain.name, network.num_classes), place.device, size)


def _figures(evaluation: Evaluation, run: Run) -> dict[str, float]:
    """The figures of the tasks that a run was trained for."""
    figures: dict[str, float] = {}
    if (labels := evaluation.segmentation) is not None and run.arm != "depth":
        figures |= {"miou": labels.miou, "pixel_accuracy": labels.pixel_accuracy}
    if (depth := evaluation.depth) is not None and run.arm != "segm":
        figures |= {"abs_rel": depth.abs_rel, "rmse": depth.rmse, "delta1": depth.delta1}
    return figures


def _protocol(evaluation: Evaluation) -> str:
    protocol = evaluation.protocol
    parts = [protocol.heading]
    parts += [f"labels: {protocol.for_labels}"] if evaluation.segmentation is not None else []
    parts += [f"depth: {protocol.for_depth}"] if evaluation.depth is not None else []
    return "; ".join(parts)
