# SPDX-License-Identifier: Apache-2.0
"""An engine measured on a data set, every figure with the protocol it was measured by."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from joint_perception.domains import DomainError
from joint_perception.domains.domain import VOID_ID
from joint_perception.engine import Frame
from joint_perception.learning.confidence import ConfidenceMetric, ConfidenceScores
from joint_perception.learning.datasets import DatasetError
from joint_perception.learning.metrics import (
    MIN_DEPTH_M,
    DepthMetric,
    DepthScores,
    MetricError,
    NormalMetric,
    NormalScores,
    SegmentationMetric,
    SegmentationScores,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.engine import Engine, Prediction
    from joint_perception.learning.datasets import Dataset, Sample

DEPTH_FIGURES = ("rmse", "rmse_log", "abs_rel", "sq_rel", "delta1", "delta2", "delta3")
# Crop and data set to the crop of the metric: where the literature uses it.
_CROPS = {
    ("garg", "kitti"): "garg",
    ("eigen", "kitti"): "eigen",
    ("garg", "streets"): "garg",
    ("eigen", "streets"): "eigen",
    ("eigen", "nyud"): "nyud_eigen",
}
CROPS = ("none", *dict.fromkeys(crop for crop, _ in _CROPS))


@dataclass(frozen=True)
class Protocol:
    """What a figure must be compared by.

    Attributes:
        dataset: Name of the data set.
        split: Its part.
        images: How many images were measured, and of how many.
        note: What the data set says about itself.
        domain: What the network's labels were taken to mean.
        resize: What was resized.
        void: What was left out of the segmentation figures, and over which classes the mean is.
        crop: Which part of the image the depth figures are of.
        cap: Which depths count, and how predictions were clipped.
        normals: How the angles were measured.
    """

    dataset: str
    split: str
    images: str
    note: str
    domain: str
    resize: str
    void: str
    crop: str
    cap: str
    normals: str

    @property
    def heading(self) -> str:
        """What holds for every figure."""
        return f"{self.dataset} {self.split} ({self.note}): {self.images}; domain {self.domain}; resize: {self.resize}"

    @property
    def for_labels(self) -> str:
        """What holds for the segmentation figures."""
        return f"pooled pixels; {self.void}"

    @property
    def for_depth(self) -> str:
        """What holds for the depth figures."""
        return f"pooled pixels; crop: {self.crop}; cap: {self.cap}"

    @property
    def for_normals(self) -> str:
        """What holds for the figures of the normals."""
        return f"pooled pixels; {self.normals}"


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        weights: The weights, as the user named them.
        images: Number of images measured.
        class_names: Names of the data set's classes, in the order of `segmentation.iou`.
        segmentation: None where the data set has no labels.
        depth: None where it has no depth.
        normals: None where it, or the network, has no normals.
        confidence: None where the data set has no labels.
        temperature: What the confidence was calibrated to; 1 where it was not.
        protocol: By what.
    """

    weights: str
    images: int
    class_names: tuple[str, ...]
    segmentation: SegmentationScores | None
    depth: DepthScores | None
    normals: NormalScores | None
    confidence: ConfidenceScores | None
    temperature: float
    protocol: Protocol

    def to_json(self) -> dict[str, Any]:
        """One object of JSON types; null for what was not measured, and for a class that is nowhere annotated."""
        labels: dict[str, Any] = dict.fromkeys(("miou", "iou", "pixel_accuracy"))
        if self.segmentation is not None:
            by_name = zip(self.class_names, self.segmentation.iou, strict=True)
            labels = {
                "miou": self.segmentation.miou,
                "iou": {name: _number(iou) for name, iou in by_name},
                "pixel_accuracy": self.segmentation.pixel_accuracy,
            }
        depth = dict.fromkeys(DEPTH_FIGURES) if self.depth is None else asdict(self.depth)
        return {
            "weights": self.weights,
            "images": self.images,
            **labels,
            **{key: _number(depth[key]) for key in DEPTH_FIGURES},
            "depth_coverage": _number(depth.get("coverage")),
            "normals": None if self.normals is None else {k: _number(v) for k, v in asdict(self.normals).items()},
            "ece": None if self.confidence is None else self.confidence.ece,
            "mean_confidence": None if self.confidence is None else self.confidence.mean,
            "temperature": self.temperature,
            "protocol": asdict(self.protocol),
        }


def evaluate(
    engine: Engine,
    dataset: Dataset,
    *,
    weights: str,
    crop: str = "none",
    cap: float | None = None,
    batch: int = 4,
    limit: int | None = None,
    progress: bool = True,
) -> Evaluation:
    """Measure an engine on a data set.

    The network sees each image at the size the engine gives it; annotations are never resized. Depth is measured
    as the network says it: unlike what the engine hands to a robot, no prediction escapes by lying outside the
    domain's range.

    Args:
        engine: What to measure; it is not changed.
        dataset: What to measure it on.
        weights: What the figures are said to be of.
        crop: Part of the image that depth is measured in: one of `CROPS`. `eigen` is one crop on KITTI and another
            on NYUD; see `metrics.CROPS`.
        cap: Greatest measured depth in metres that counts; predictions are then clipped to it.
        batch: Images that go through the network together.
        limit: Measure only so many, the first ones.
        progress: Show a progress bar on stderr.

    Raises:
        DatasetError: The data set has nothing to measure by, or a file of it is bad.
        DomainError: The engine's domain lacks a class of the data set's.
        MetricError: No such crop for this data set, or a cap that is none.
        ValueError: `batch` or `limit` below 1.
    """
    if batch < 1 or (limit is not None and limit < 1):
        raise ValueError(f"batch is {batch} and limit is {limit}; each must be at least 1")
    if dataset.domain is None:
        raise DatasetError(f"data set {dataset.name!r} has no annotations to measure by; choose another one")
    to_engine = _class_table(dataset.domain, engine.domain)
    device = engine.device
    labels = SegmentationMetric(engine.domain.num_classes, device)
    depth = DepthMetric(cap, _crop_name(crop, dataset.name), device)
    normals = NormalMetric(device)
    confidence = ConfidenceMetric(device)

    measuring = _without_range(engine)
    count = len(dataset) if limit is None else min(limit, len(dataset))
    with tqdm(total=count, unit="image", desc=f"{dataset.name} {dataset.split}", disable=not progress) as bar:
        for samples in _batches(dataset, count, batch):
            predictions = measuring.predict([Frame(sample.image) for sample in samples])
            for sample, prediction in zip(samples, predictions, strict=True):
                _add(sample, prediction, to_engine, labels, depth, normals, confidence)
            bar.update(len(samples))

    segmentation = labels.scores()
    if segmentation is not None:
        order = [int(to_engine[i]) for i in range(dataset.domain.num_classes)]
        segmentation = replace(segmentation, iou=tuple(segmentation.iou[i] for i in order))
    protocol = _protocol(engine, dataset, count, crop, cap, segmentation)
    names = dataset.domain.class_names
    return Evaluation(
        weights,
        count,
        names,
        segmentation,
        depth.scores(),
        normals.scores(),
        confidence.scores(),
        engine.reading().temperature,
        protocol,
    )


def _add(
    sample: Sample,
    prediction: Prediction,
    to_engine: npt.NDArray[np.uint8],
    labels: SegmentationMetric,
    depth: DepthMetric,
    normals: NormalMetric,
    confidence: ConfidenceMetric,
) -> None:
    try:
        if sample.labels is not None:
            predicted, annotated = torch.from_numpy(prediction.labels), torch.from_numpy(to_engine[sample.labels])
            labels.update(predicted, annotated)
            confidence.update(torch.from_numpy(prediction.confidence), predicted, annotated)
        if sample.depth is not None:
            depth.update(torch.from_numpy(prediction.depth), torch.from_numpy(sample.depth))
        if sample.normals is not None and prediction.normals is not None:
            normals.update(torch.from_numpy(prediction.normals), torch.from_numpy(sample.normals))
    except ValueError as error:
        raise DatasetError(f"{sample.name}: {error}") from error


def _batches(dataset: Dataset, count: int, batch: int) -> Iterator[list[Sample]]:
    for start in range(0, count, batch):
        yield [dataset[i] for i in range(start, min(start + batch, count))]


def _without_range(engine: Engine) -> Engine:
    """The same engine, whose predictions are the network's own at any depth."""
    measuring = copy.copy(engine)
    measuring.domain = replace(engine.domain, depth_range=(0.0, math.inf))
    return measuring


def _class_table(annotated: Domain, predicted: Domain) -> npt.NDArray[np.uint8]:
    """(256,) uint8: the data set's class ids to the engine's; void stays void."""
    missing = [name for name in annotated.class_names if name not in predicted.class_names]
    if missing:
        raise DomainError(
            f"the data set is labelled by domain {annotated.name!r}, and domain {predicted.name!r} lacks "
            f"{', '.join(missing)}; leave the domain out, or take weights trained for {annotated.name!r}"
        )
    table = np.full(256, VOID_ID, np.uint8)
    for label, name in enumerate(annotated.class_names):
        table[label] = predicted.class_names.index(name)
    return table


def _crop_name(crop: str, dataset: str) -> str | None:
    if crop == "none":
        return None
    if (crop, dataset) not in _CROPS:
        known = ", ".join(c for c, name in _CROPS if name == dataset)
        raise MetricError(f"crop {crop!r} is not used on data set {dataset!r}; choose none{known and ', ' + known}")
    return _CROPS[crop, dataset]


def _protocol(
    engine: Engine,
    dataset: Dataset,
    count: int,
    crop: str,
    cap: float | None,
    segmentation: SegmentationScores | None,
) -> Protocol:
    size = engine.network_size
    network = "image as it is" if size is None else f"image to {size[1]}x{size[0]} for the network, bilinear"
    present = 0 if segmentation is None else sum(not math.isnan(iou) for iou in segmentation.iou)
    total = len(dataset.domain.class_names) if dataset.domain else 0
    clipped = f"predictions at least {MIN_DEPTH_M:g} m"
    return Protocol(
        dataset=dataset.name,
        split=dataset.split,
        images=f"{count} images" if count == len(dataset) else f"the first {count} of {len(dataset)} images",
        note=dataset.note,
        domain=engine.domain.name,
        resize=f"{network}; logits, depth and normals bilinear to the image",
        void=f"void ignored; mean over the {present} of {total} classes that are annotated",
        crop=_crop_name(crop, dataset.name) or "none",
        cap=f"none, all t > 0; {clipped}" if cap is None else f"0 < t <= {cap:g} m; {clipped}, at most {cap:g} m",
        normals="angle in degrees, wherever a normal is annotated",
    )


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
