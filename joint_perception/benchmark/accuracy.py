# SPDX-License-Identifier: Apache-2.0
"""How far results are from those of the plain path: fp32 torch, and from the truth."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.pipeline.readings import focal_correction

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from joint_perception.benchmark.pictures import Picture
    from joint_perception.engine import Engine, Prediction


def agreement(
    labels: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.float32],
    plain_labels: npt.NDArray[np.uint8],
    plain_depth: npt.NDArray[np.float32],
) -> dict[str, float]:
    """Labels and depth against the plain path's.

    Args:
        labels: (..., H, W) class ids.
        depth: (..., H, W) metres, NaN where there is none.
        plain_labels: The plain path's.
        plain_depth: The plain path's.

    Returns:
        `label_agreement`: share of pixels of equal labels; `depth_median` and `depth_p99`: of |d - d'| / d', where
        both are finite.
    """
    both = np.isfinite(depth) & np.isfinite(plain_depth) & (plain_depth > 0)
    relative = np.abs(depth[both] - plain_depth[both]) / plain_depth[both]
    found = {"label_agreement": round(float(np.mean(labels == plain_labels)), 6)}
    if relative.size:
        found["depth_median"] = float(f"{np.median(relative):.3g}")
        found["depth_p99"] = float(f"{np.percentile(relative, 99):.3g}")
    return found


def agreement_of(found: Sequence[Prediction], plain: Sequence[Prediction]) -> dict[str, float]:
    """The same of predictions."""
    return agreement(
        np.stack([p.labels for p in found]),
        np.stack([p.depth for p in found]),
        np.stack([p.labels for p in plain]),
        np.stack([p.depth for p in plain]),
    )


def against_truth(engine: Engine, views: Sequence[Picture]) -> dict[str, float]:
    """Scores of an engine on pictures whose truth is known.

    Returns:
        `miou` (0..1, over the classes that are there) and `rmse_m`; empty where nobody knows the truth, the weights
        do not hold the pictures' domain, or what measures is not installed.
    """
    from joint_perception.domains import DomainError  # noqa: PLC0415

    known = [view for view in views if view.labels is not None and view.depth is not None]
    if not known or not all(map(find_spec, ("torchvision", "scipy"))):
        return {}
    import torch  # noqa: PLC0415

    from joint_perception.learning.metrics import DepthMetric, SegmentationMetric  # noqa: PLC0415

    try:
        plain = [engine.reading(view.domain) for view in known]
    except DomainError:
        return {}
    # As the node does: the pictures are not of the training camera's focal length.
    readings = [
        replace(reading, depth_scale=focal_correction(engine, reading.domain, "auto", view.frame))
        for reading, view in zip(plain, known, strict=True)
    ]
    predictions = engine.predict([view.frame for view in known], readings=readings)
    segmentation, distance = SegmentationMetric(readings[0].domain.num_classes), DepthMetric()
    for view, prediction in zip(known, predictions, strict=True):
        segmentation.update(torch.from_numpy(prediction.labels)[None], torch.from_numpy(view.labels)[None])
        # What is beyond the domain's range is not measured, neither by its sensors nor by the node.
        low, high = readings[0].limits
        depth = np.asarray(view.depth)
        truth = np.where((depth >= low) & (depth <= high), depth, np.nan)
        distance.update(torch.from_numpy(prediction.depth)[None], torch.from_numpy(truth)[None])
    scores: dict[str, Any] = {}
    if (labels := segmentation.scores()) is not None:
        scores["miou"] = round(float(labels.miou), 5)
    if (depths := distance.scores()) is not None:
        scores["rmse_m"] = round(float(depths.rmse), 5)
    return scores
