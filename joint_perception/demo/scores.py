# SPDX-License-Identifier: Apache-2.0
"""How far the node's labels and depths are from the truth, frame by frame and in all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from joint_perception.demo.shot import DemoError
from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.metrics import DepthMetric, SegmentationMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from joint_perception.learning.metrics import DepthScores, SegmentationScores

_SHOWN = 4  # classes in a line: those with the most pixels


class Scores:
    """Pools labels and depths of all frames, in float64.

    Args:
        true_names: Names of the classes that the true labels are of.
        names: Names of the classes that the node's labels are of; may be more.
        cap: Greatest true depth in metres that counts; None: all do.

    Raises:
        DemoError: The node does not know a class of the truth.
    """

    def __init__(self, true_names: Sequence[str], names: Sequence[str], cap: float | None = None) -> None:
        missing = [name for name in true_names if name not in names]
        if missing:
            raise DemoError(
                f"the node's labels lack {', '.join(missing)}, which the truth has; run it with the truth's domain"
            )
        self._names = tuple(true_names)
        self._ids = [list(names).index(name) for name in true_names]
        self._to_node = np.full(256, VOID_ID, np.uint8)
        self._to_node[: len(self._ids)] = self._ids
        self._segmentation = SegmentationMetric(len(names))
        self._depth = DepthMetric(cap)
        self._latencies: list[float] = []
        self._size = ""

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return len(self._latencies)

    def add(
        self,
        labels: npt.NDArray[np.uint8],
        depth: npt.NDArray[np.float32],
        true_labels: npt.NDArray[np.uint8],
        true_depth: npt.NDArray[np.float32],
        latency: float,
    ) -> None:
        """Add a frame.

        Args:
            labels: (H, W) uint8, the node's class ids.
            depth: (H, W) float32 metres, NaN where the node has none.
            true_labels: (H, W) uint8, the truth's class ids, 255 where void.
            true_depth: (H, W) float32 metres, NaN where there is none.
            latency: Seconds from the image's stamp to the receipt of labels and depth.

        Raises:
            MetricError: The shapes differ, or a label is no class.
        """
        self._segmentation.update(torch.from_numpy(labels), torch.from_numpy(self._to_node[true_labels]))
        self._depth.update(torch.from_numpy(depth), torch.from_numpy(true_depth))
        self._latencies.append(latency)
        self._size = f"{labels.shape[1]}x{labels.shape[0]}"

    def line(self, unpaired: int) -> str:
        """The scores so far, for a log.

        Args:
            unpaired: Images that the node gave no labels and depths for.
        """
        labels, depth = self._segmentation.scores(), self._depth.scores()
        text = f"{self.frames} frames"
        if unpaired:
            text += f" ({unpaired} more without output)"
        if labels is not None:
            best = sorted(self._by_name(labels).items(), key=lambda item: -self._pixels(labels, item[0]))[:_SHOWN]
            text += f"  mIoU {labels.miou:.2f} ({', '.join(f'{name} {iou:.2f}' for name, iou in best)})"
        if depth is not None:
            text += f"  RMSE {depth.rmse:.2f} m  abs rel {depth.abs_rel:.2f}"
        if self._latencies:
            median, late = self._latency_ms()
            text += f"  latency median {median:.0f} ms, p95 {late:.0f} ms"
        return text

    def table(self, unpaired: int) -> list[str]:
        """The scores at the end, with what they are to be compared by."""
        labels, depth = self._segmentation.scores(), self._depth.scores()
        if not self.frames:
            return [f"no frame was scored; {unpaired} images came, without labels and depths of the same stamp"]
        lines = [f"  {'frames scored':<26}{self.frames:>8}", f"  {'without output':<26}{unpaired:>8}"]
        if labels is not None:
            lines.append(f"  {'mIoU':<26}{labels.miou:>8.3f}")
            ranked = sorted(self._by_name(labels).items(), key=lambda item: -self._pixels(labels, item[0]))
            lines += [f"    {f'IoU {name}':<24}{iou:>8.3f}" for name, iou in ranked]
        if depth is not None:
            lines.append(f"  {'RMSE of depth':<26}{depth.rmse:>8.2f} m")
            lines.append(f"  {'mean relative error':<26}{depth.abs_rel:>8.3f}")
        median, late = self._latency_ms()
        lines.append(f"  {'latency, median':<26}{median:>8.0f} ms")
        lines.append(f"  {'latency, 95th percentile':<26}{late:>8.0f} ms")
        return [*lines, f"  ({self.protocol()})"]

    def to_json(self, unpaired: int) -> dict[str, Any]:
        """One object of JSON types; null for what was not measured."""
        labels, depth = self._segmentation.scores(), self._depth.scores()
        median, late = self._latency_ms()
        return {
            "frames": self.frames,
            "frames_unpaired": unpaired,
            "miou": None if labels is None else labels.miou,
            "iou": {} if labels is None else self._by_name(labels),
            "pixel_accuracy": None if labels is None else labels.pixel_accuracy,
            "rmse": _number(depth, "rmse"),
            "abs_rel": _number(depth, "abs_rel"),
            "delta1": _number(depth, "delta1"),
            "depth_coverage": _number(depth, "coverage"),
            "latency_ms": {"median": median, "p95": late} if self._latencies else None,
            "protocol": self.protocol(),
        }

    def protocol(self) -> str:
        """What the figures must be compared by."""
        labels, depth = self._segmentation.scores(), self._depth.scores()
        present = 0 if labels is None else len(self._by_name(labels))
        parts = [
            f"{self._size or 'no'} images as they are, pixels pooled over the frames",
            f"labels: void ignored, mean over the {present} of {len(self._names)} classes that occur",
        ]
        if depth is not None:
            cap = "all depths" if self._depth.cap is None else f"0 < t <= {self._depth.cap:g} m"
            parts.append(
                f"depth: {cap}, no crop, the {100 * depth.coverage:.1f} % of those pixels that the node has a depth for"
            )
        parts.append("latency: from the image's stamp to the receipt of labels and depth in another process")
        return "; ".join(parts)

    def _by_name(self, labels: SegmentationScores) -> dict[str, float]:
        pairs = zip(self._names, self._ids, strict=True)
        return {name: labels.iou[i] for name, i in pairs if not math.isnan(labels.iou[i])}

    def _pixels(self, labels: SegmentationScores, name: str) -> int:
        return int(labels.confusion[self._ids[self._names.index(name)]].sum())

    def _latency_ms(self) -> tuple[float, float]:
        if not self._latencies:
            return math.nan, math.nan
        median, late = (1e3 * np.percentile(self._latencies, (50, 95))).tolist()
        return median, late


def _number(depth: DepthScores | None, figure: str) -> float | None:
    value = math.nan if depth is None else getattr(depth, figure)
    return value if math.isfinite(value) else None
