# SPDX-License-Identifier: Apache-2.0
"""Metrics pooled over a set, summed up on the device as predictions come in.

Every sum is in float64 or int64, so that the order and the size of the batches do not matter. The formulas are
those of Eigen et al. (NIPS 2014) for depth and of Fouhey et al. (ICCV 2013) for normals; mIoU is PASCAL VOC's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from joint_perception.domains.domain import VOID_ID

# Predictions below this count as this: the logarithm of zero is no error one could average.
MIN_DEPTH_M = 1e-3
# Parts of the height and the width: top, bottom, left, right. The two of KITTI are in evaluate_kitti.py of
# Godard et al. (CVPR 2017), taken from Garg et al. (ECCV 2016) and Eigen et al. (NIPS 2014); that of NYUD is
# rows 45..470 and columns 41..600 of 480x640, Eigen et al. again.
CROPS = {
    "garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
    "eigen": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    "nyud_eigen": (45 / 480, 471 / 480, 41 / 640, 601 / 640),
}
_DELTA = 1.25
_THRESHOLDS_DEG = (11.25, 22.5, 30.0)
_BINS_PER_DEG = 100


class MetricError(ValueError):
    """Predictions and annotations that cannot be compared."""


@dataclass(frozen=True)
class SegmentationScores:
    """What a confusion matrix says.

    Attributes:
        miou: Mean of `iou` over the classes that occur in the annotations.
        iou: Intersection over union of each class; NaN for a class without an annotated pixel.
        pixel_accuracy: Share of the annotated pixels that got their class.
        pixels: Number of annotated pixels.
        confusion: (classes, classes) int64 on the CPU; row: annotated class, column: predicted.
    """

    miou: float
    iou: tuple[float, ...]
    pixel_accuracy: float
    pixels: int
    confusion: Tensor


class SegmentationMetric:
    """One confusion matrix for the whole set; void (255) is ignored.

    Args:
        num_classes: Number of classes, void not counted.
        device: Where the counting is done.
    """

    def __init__(self, num_classes: int, device: torch.device | str = "cpu") -> None:
        self.num_classes = num_classes
        self._confusion = torch.zeros(num_classes, num_classes, dtype=torch.int64, device=device)

    def update(self, predicted: Tensor, annotated: Tensor) -> None:
        """Count an image or a batch.

        Args:
            predicted: Class ids, any integer type and shape.
            annotated: Class ids of the same shape, 255 where void.

        Raises:
            MetricError: The shapes differ, or an id that counts is not a class.
        """
        _same_shape("labels", predicted, annotated)
        annotated = annotated.to(self._confusion.device)
        counted = annotated != VOID_ID
        rows = annotated[counted].long()
        columns = predicted.to(self._confusion.device)[counted].long()
        for what, ids in (("annotated", rows), ("predicted", columns)):
            if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < self.num_classes:
                raise MetricError(
                    f"{what} class ids go from {int(ids.min())} to {int(ids.max())}; there are "
                    f"{self.num_classes} classes, 0 to {self.num_classes - 1}, and void is {VOID_ID}"
                )
        cells = torch.bincount(rows * self.num_classes + columns, minlength=self.num_classes**2)
        self._confusion += cells.view_as(self._confusion)

    def scores(self) -> SegmentationScores | None:
        """The scores of all that was counted; None where nothing was annotated."""
        confusion = self._confusion.cpu()
        pixels = int(confusion.sum())
        if not pixels:
            return None
        hits, annotated = confusion.diagonal().double(), confusion.sum(dim=1).double()
        union = annotated + confusion.sum(dim=0) - hits
        present = annotated > 0
        # A class that is nowhere annotated has no IoU; where it is predicted, the true classes lose by it.
        iou = torch.where(present, hits / union, torch.nan)
        return SegmentationScores(
            miou=float(iou[present].mean()),
            iou=tuple(iou.tolist()),
            pixel_accuracy=float(hits.sum()) / pixels,
            pixels=pixels,
            confusion=confusion,
        )


@dataclass(frozen=True)
class DepthScores:
    """Errors of depth over the pixels of a set; p is predicted, t is measured.

    Attributes:
        rmse: sqrt(mean (p - t)^2), metres.
        rmse_log: sqrt(mean (ln p - ln t)^2).
        abs_rel: mean |p - t| / t.
        sq_rel: mean (p - t)^2 / t, metres.
        delta1: Share of the pixels with max(p / t, t / p) < 1.25.
        delta2: The same with 1.25^2.
        delta3: The same with 1.25^3.
        coverage: Share of the measured pixels that had a finite prediction; the others are in no figure above.
        pixels: Number of pixels in the figures above.
    """

    rmse: float
    rmse_log: float
    abs_rel: float
    sq_rel: float
    delta1: float
    delta2: float
    delta3: float
    coverage: float
    pixels: int


class DepthMetric:
    """Depth errors pooled over all measured pixels: finite and above zero.

    Args:
        cap: Greatest measured depth in metres that counts; predictions are then clipped to it too, as the
            literature does. None: all count, and predictions are not clipped from above.
        crop: A name out of `CROPS`: only pixels inside count. None: the full image.
        device: Where the summing is done.

    Raises:
        MetricError: No such crop, or a cap that is not above zero.
    """

    def __init__(self, cap: float | None = None, crop: str | None = None, device: torch.device | str = "cpu") -> None:
        if crop is not None and crop not in CROPS:
            raise MetricError(f"crop {crop!r} is not one of {', '.join(CROPS)}")
        if cap is not None and not cap > MIN_DEPTH_M:
            raise MetricError(f"cap is {cap} m; it must be above {MIN_DEPTH_M} m")
        self.cap = cap
        self.crop = crop
        self._sums = torch.zeros(7, dtype=torch.float64, device=device)
        self._pixels = torch.zeros(2, dtype=torch.int64, device=device)  # scored, without a prediction

    def update(self, predicted: Tensor, measured: Tensor) -> None:
        """Add an image or a batch of one size.

        Args:
            predicted: (..., H, W) metres; the absolute value counts; NaN or infinite where there is none.
            measured: The same shape; zero, negative, NaN or infinite where nothing was measured.

        Raises:
            MetricError: The shapes differ.
        """
        _same_shape("depth", predicted, measured)
        if self.crop is not None:
            window = (..., *crop_window(self.crop, *measured.shape[-2:]))
            predicted, measured = predicted[window], measured[window]
        t = measured.to(self._sums.device)
        valid = torch.isfinite(t) & (t > 0)
        if self.cap is not None:
            valid &= t <= self.cap
        t = t[valid].double()
        p = predicted.to(self._sums.device)[valid].double()
        seen = torch.isfinite(p)
        t, p = t[seen], p[seen].abs().clamp(MIN_DEPTH_M, self.cap)
        difference = p - t
        squared = difference.square()
        ratio = torch.maximum(p / t, t / p)
        terms = [squared, (p.log() - t.log()).square(), difference.abs() / t, squared / t]
        terms += [(ratio < _DELTA**power).double() for power in (1, 2, 3)]
        self._sums += torch.stack([term.sum() for term in terms])
        self._pixels += torch.stack([seen.sum(), (~seen).sum()])

    def scores(self) -> DepthScores | None:
        """The scores of all that was added; NaN where nothing was predicted, None where nothing was measured."""
        scored, missing = self._pixels.tolist()
        if not scored + missing:
            return None
        squared, squared_log, *means = (total / scored if scored else math.nan for total in self._sums.tolist())
        abs_rel, sq_rel, delta1, delta2, delta3 = means
        return DepthScores(
            rmse=math.sqrt(squared),
            rmse_log=math.sqrt(squared_log),
            abs_rel=abs_rel,
            sq_rel=sq_rel,
            delta1=delta1,
            delta2=delta2,
            delta3=delta3,
            coverage=scored / (scored + missing),
            pixels=scored,
        )


def crop_window(crop: str, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns that a crop out of `CROPS` keeps of an image of that size."""
    top, bottom, left, right = CROPS[crop]
    # Truncated, as in the code that the figures of the literature come from.
    return slice(int(top * height), int(bottom * height)), slice(int(left * width), int(right * width))


@dataclass(frozen=True)
class NormalScores:
    """Angles between predicted and annotated surface normals, in degrees.

    Attributes:
        mean: Mean angle.
        median: Median angle, to 0.01 degrees.
        below_11_25: Share of the pixels whose angle is below 11.25 degrees.
        below_22_5: The same with 22.5 degrees.
        below_30: The same with 30 degrees.
        coverage: Share of the annotated pixels that had a finite prediction; the others are in no figure above.
        pixels: Number of pixels in the figures above.
    """

    mean: float
    median: float
    below_11_25: float
    below_22_5: float
    below_30: float
    coverage: float
    pixels: int


class NormalMetric:
    """Angles of surface normals, pooled over all annotated pixels.

    Args:
        device: Where the summing is done.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._sums = torch.zeros(1 + len(_THRESHOLDS_DEG), dtype=torch.float64, device=device)
        self._pixels = torch.zeros(2, dtype=torch.int64, device=device)  # scored, without a prediction
        self._histogram = torch.zeros(180 * _BINS_PER_DEG, dtype=torch.int64, device=device)

    def update(self, predicted: Tensor, annotated: Tensor) -> None:
        """Add an image or a batch.

        Args:
            predicted: (..., 3) vectors of any length; zero or NaN where there is none.
            annotated: The same shape and frame; zero or NaN where there is none.

        Raises:
            MetricError: The shapes differ, or the last dimension is not 3.
        """
        _same_shape("normals", predicted, annotated)
        if annotated.shape[-1] != 3:  # noqa: PLR2004
            raise MetricError(f"normals are {tuple(annotated.shape)}; the last dimension must be x, y, z")
        n = annotated.to(self._sums.device).double().reshape(-1, 3)
        valid = _is_vector(n)
        m = predicted.to(self._sums.device).double().reshape(-1, 3)[valid]
        seen = _is_vector(m)
        n, m = n[valid][seen], m[seen]
        # By the arc tangent: the arc cosine loses half its digits at small angles.
        angle = torch.atan2(torch.linalg.cross(n, m).norm(dim=1), (n * m).sum(dim=1)).rad2deg()
        terms = [angle, *((angle < limit).double() for limit in _THRESHOLDS_DEG)]
        self._sums += torch.stack([term.sum() for term in terms])
        self._pixels += torch.stack([seen.sum(), (~seen).sum()])
        bins = (angle * _BINS_PER_DEG).long().clamp_(max=len(self._histogram) - 1)
        self._histogram += torch.bincount(bins, minlength=len(self._histogram))

    def scores(self) -> NormalScores | None:
        """The scores of all that was added; NaN where nothing was predicted, None where nothing was annotated."""
        scored, missing = self._pixels.tolist()
        if not scored + missing:
            return None
        mean, *shares = (total / scored if scored else math.nan for total in self._sums.tolist())
        below_11_25, below_22_5, below_30 = shares
        return NormalScores(
            mean=mean,
            median=self._median(scored),
            below_11_25=below_11_25,
            below_22_5=below_22_5,
            below_30=below_30,
            coverage=scored / (scored + missing),
            pixels=scored,
        )

    def _median(self, pixels: int) -> float:
        if not pixels:
            return math.nan
        cumulative = self._histogram.cpu().cumsum(0)
        middle = torch.tensor([(pixels + 1) // 2, pixels // 2 + 1])  # the same one twice, or the two in the middle
        return float(torch.searchsorted(cumulative, middle).double().mean() + 0.5) / _BINS_PER_DEG


def _is_vector(x: Tensor) -> Tensor:
    return torch.isfinite(x).all(dim=1) & (x != 0).any(dim=1)


def _same_shape(what: str, predicted: Tensor, annotated: Tensor) -> None:
    if predicted.shape != annotated.shape:
        raise MetricError(
            f"predicted {what} are {tuple(predicted.shape)} but the annotation is {tuple(annotated.shape)}; "
            "both must be of one size"
        )
