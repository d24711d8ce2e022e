# SPDX-License-Identifier: Apache-2.0
"""Distillation: a teacher's hard predictions, written down for the images that lack a modality."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from tqdm import tqdm

from joint_perception.domains.domain import VOID_ID
from joint_perception.engine import Frame
from joint_perception.learning.datasets import DatasetError
from joint_perception.learning.pseudo_labels import ATTRIBUTES, PseudoLabels, Record, depth_units, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.engine import Prediction
    from joint_perception.learning.datasets import Dataset, Sample

# No sensor ever measured it, and a network says 12 to 14 m: its depths must not be handed on.
_WITHOUT_SURFACE = ("sky",)


class Teacher(Protocol):
    """What says something of images: an `Engine`, or a `TorchvisionTeacher`.

    Attributes:
        domain: What its labels and depths mean.
        modalities: Of `segm`, `depth` and `normal`, those it says.
    """

    @property
    def domain(self) -> Domain: ...  # noqa: D102

    @property
    def modalities(self) -> tuple[str, ...]: ...  # noqa: D102

    def predict(self, frames: Sequence[Frame], /) -> list[Prediction]:
        """One prediction for each frame, each at its frame's size."""


@dataclass(frozen=True)
class Distilled:
    """How many images were written, were there before, and have the modality themselves."""

    written: int
    there: int
    annotated: int


def distill(
    engine: Teacher,
    dataset: Dataset,
    root: Path | None,
    modality: str,
    folder: Path,
    *,
    teacher: str,
    teacher_sha256: str,
    everything: bool = False,
    min_confidence: float = 0.0,
    limit: int | None = None,
    batch: int = 4,
    progress: bool = True,
) -> Distilled:
    """Write what a teacher says; what is written already is left as it is, so that one may stop at any time.

    Sky, as the teacher sees it, gets no depth and no normals; nor does what lies outside the domain's depths.

    Args:
        engine: The teacher, in the domain of the images.
        dataset: The images.
        root: Folder of the data set.
        modality: `segm`, `depth` or `normal`.
        folder: Where to; see `PseudoLabels`.
        teacher: What the record calls the teacher.
        teacher_sha256: Of its file.
        everything: Write images that have the modality too; a training that keeps only a share of the annotations
            needs them.
        min_confidence: Labels of a lower probability become void.
        limit: Only the first so many images.
        batch: Images that go through the network together.
        progress: Show a progress bar.

    Raises:
        DatasetError: The folder holds something else, the teacher lacks the modality, two images would have one
            file, or a file of the data set is damaged.
        ValueError: A number that means nothing.
    """
    if batch < 1 or (limit is not None and limit < 1) or not 0 <= min_confidence <= 1:
        raise ValueError(f"batch {batch}, limit {limit}, min_confidence {min_confidence}; need 1 or more, and 0 to 1")
    if modality not in engine.modalities:
        raise DatasetError(
            f"teacher {teacher!r} has no head for {modality}, only for {', '.join(engine.modalities)}; take another"
        )
    domain = engine.domain.name
    record = Record(
        dataset.name, dataset.split, modality, domain, teacher, teacher_sha256, min_confidence, depth_units(domain)
    )
    labels = PseudoLabels.create(folder, record)
    attribute, count = ATTRIBUTES[modality], min(len(dataset), limit or len(dataset))
    keys = [key_of(dataset, root, index) for index in range(count)]
    written = there = annotated = 0
    waiting: list[tuple[str, Sample]] = []
    with tqdm(total=count, unit="image", desc=f"{dataset.name} {dataset.split}", disable=not progress) as bar:
        for index, key in enumerate(keys):
            if labels.path(key).is_file():
                there += 1
            elif (sample := dataset[index]) and getattr(sample, attribute) is not None and not everything:
                annotated += 1
            else:
                waiting.append((key, sample))
                written += 1
            if len(waiting) == batch or index == count - 1:
                _write(engine, labels, waiting)
                waiting = []
            bar.update()
    return Distilled(written, there, annotated)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(engine: Teacher, labels: PseudoLabels, waiting: list[tuple[str, Sample]]) -> None:
    predictions = engine.predict([Frame(sample.image) for _, sample in waiting])
    for (key, _), prediction in zip(waiting, predictions, strict=True):
        labels.write(key, _hard(engine, labels.record, prediction))


def _hard(engine: Teacher, record: Record, prediction: Prediction) -> npt.NDArray[Any]:
    if record.modality == "segm":
        assert prediction.confidence is not None  # everything is wanted of the teacher
        return np.where(prediction.confidence < record.min_confidence, np.uint8(VOID_ID), prediction.labels)
    excluded = [i for i, name in enumerate(engine.domain.class_names) if name in _WITHOUT_SURFACE]
    nothing = np.isin(prediction.labels, excluded)
    if record.modality == "depth":
        return np.where(nothing, np.float32(np.nan), prediction.depth)
    assert prediction.normals is not None
    return np.where(nothing[..., None], np.float32(np.nan), prediction.normals)
