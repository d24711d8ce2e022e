# SPDX-License-Identifier: Apache-2.0
"""What a training is measured by on its way, and which weights are its best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from joint_perception.domains import get_domain
from joint_perception.domains.overlay import overlay
from joint_perception.engine import Engine, Frame
from joint_perception.learning.datasets import DatasetError, open_dataset
from joint_perception.learning.evaluate import evaluate

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.learning.datasets import Dataset, Sample
    from joint_perception.learning.evaluate import Evaluation
    from joint_perception.learning.training_config import LossConfig, TrainingConfig, ValidationSet
    from joint_perception.network import JointNetwork

    Picture = npt.NDArray[np.uint8]


def open_validation(config: TrainingConfig) -> list[tuple[ValidationSet, Dataset]]:
    """Open the data sets to measure on.

    Raises:
        DatasetError: One is not there, or has nothing to measure by.
    """
    opened = []
    for entry in config.validation.sets:
        dataset = open_dataset(entry.dataset, None if entry.root is None else Path(entry.root), entry.split)
        if dataset.domain is None:
            raise DatasetError(f"data set {entry.dataset!r} has no annotations to measure by; choose another one")
        get_domain(dataset.domain.name, config.network.classes)  # else it would fail after the first steps
        opened.append((entry, dataset))
    return opened


def validate(
    network: JointNetwork, sets: list[tuple[ValidationSet, Dataset]], batch: int, device: str, *, progress: bool
) -> dict[str, Evaluation]:
    """Measure a network on every set.

    Args:
        network: In evaluation mode.
        sets: Of `open_validation`.
        batch: Images that go through the network together.
        device: Where the network is.
        progress: Show progress bars.

    Returns:
        By `<data set>/<split>`.
    """
    results = {}
    for entry, dataset in sets:
        engine = Engine(network, _domain(dataset, network), device)
        name = f"{entry.dataset}/{entry.split}"
        results[name] = evaluate(
            engine, dataset, weights="in training", batch=batch, limit=entry.limit, progress=progress
        )
    return results


def figures(results: dict[str, Evaluation]) -> dict[str, float]:
    """The figures to log, by `<data set>/<split>/<figure>`."""
    found: dict[str, float | None] = {}
    for name, result in results.items():
        values = result.to_json()
        for key in ("miou", "pixel_accuracy", "rmse", "abs_rel", "delta1"):
            found[f"{name}/{key}"] = values[key]
        for key in ("mean", "median", "below_11_25"):
            found[f"{name}/normals_{key}"] = (values["normals"] or {}).get(key)
    return {name: value for name, value in found.items() if value is not None}


def score(results: dict[str, Evaluation], loss: LossConfig) -> float:
    """The one number that the best weights are chosen by, 0 to 1, more is better.

    The mean over the sets of the mean of what each can measure of the heads that are trained: mIoU, the share of
    depths within a factor of 1.25, the share of normals within 11.25 degrees.
    """
    scores = []
    for result in results.values():
        parts = []
        if loss.segm and result.segmentation is not None:
            parts.append(result.segmentation.miou)
        if loss.depth and result.depth is not None:
            parts.append(result.depth.delta1)
        if loss.normal and result.normals is not None:
            parts.append(result.normals.below_11_25)
        if parts:
            scores.append(float(np.nan_to_num(np.mean(parts))))
    return float(np.mean(scores)) if scores else 0.0


def draw_examples(network: JointNetwork, sets: list[tuple[ValidationSet, Dataset]], device: str) -> dict[str, Picture]:
    """Draw the middle image of each set: above what is annotated, below what the network says.

    Returns:
        (H', W', 3) uint8 RGB by `<data set>/<split>`.
    """
    pictures = {}
    for entry, dataset in sets:
        domain = _domain(dataset, network)
        sample = dataset[min(len(dataset), entry.limit or len(dataset)) // 2]
        prediction = Engine(network, domain, device).predict([Frame(sample.image)])[0]
        annotated = _row(sample.image, sample.labels, sample.depth, sample.normals, domain, sample)
        predicted = _row(
            sample.image, prediction.labels, prediction.depth, prediction.normals, domain, sample
        )  # fmt: skip
        pictures[f"{entry.dataset}/{entry.split}"] = np.vstack([annotated, predicted])
    return pictures


def _domain(dataset: Dataset, network: JointNetwork) -> Domain:
    assert dataset.domain is not None  # open_validation saw to it
    return get_domain(dataset.domain.name, network.num_classes)


def _row(
    image: Picture,
    labels: npt.NDArray[np.uint8] | None,
    depth: npt.NDArray[np.float32] | None,
    normals: npt.NDArray[np.float32] | None,
    domain: Domain,
    sample: Sample,
) -> Picture:
    black = np.zeros_like(image)
    tiles = [
        image,
        black if labels is None else overlay(image, domain.colorize(labels), labels, 0.7),
        black if depth is None else _depth_picture(depth, sample.depth),
        black if normals is None else np.rint(127.5 - 127.5 * np.nan_to_num(normals, nan=1.0)).astype(np.uint8),
    ]
    return np.hstack(tiles)


def _depth_picture(depth: npt.NDArray[np.float32], annotated: npt.NDArray[np.float32] | None) -> Picture:
    """Near red, far blue, on the logarithmic scale of the annotation where there is one."""
    known = depth if annotated is None or not np.isfinite(annotated).any() else annotated
    if not np.isfinite(known).any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near, far = np.nanpercentile(known, (1, 99))
    near = max(float(near), 1e-3)
    share = np.log(np.clip(np.nan_to_num(depth, nan=near), near, far) / near) / np.log(max(far / near, 1.01))
    colors = cv2.applyColorMap(np.rint(255 * (1 - np.clip(share, 0, 1))).astype(np.uint8), cv2.COLORMAP_TURBO)
    picture: Picture = np.asarray(cv2.cvtColor(colors, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    picture[~np.isfinite(depth)] = 0
    return picture
