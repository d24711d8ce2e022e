# SPDX-License-Identifier: Apache-2.0
"""Pictures of what degradations do: reliability diagrams, and images with what the network makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from joint_perception.engine import Frame
from joint_perception.offline.panel import depth_picture, overlay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from joint_perception.engine import Engine
    from joint_perception.learning.datasets import Dataset
    from joint_perception.learning.degradation import Degradation
    from joint_perception.learning.robustness import Measurement

    Picture = npt.NDArray[np.uint8]

_PAPER, _INK = 255, (0, 0, 0)
_TILE_WIDTH, _GAP, _LABEL = 240, 4, 22  # pixels
_LEAST_SHARE = 0.001  # of the pixels: a bin of fewer is noise and not drawn


def draw_reliability(measurements: Sequence[Measurement], path: Path) -> None:
    """Draw accuracy over confidence, a diagram for each data set, and write it as PNG.

    Args:
        measurements: Of any number of data sets; those without labels are left out.
        path: The file.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 (only this needs it)

    labelled = [m for m in measurements if m.evaluation.confidence is not None]
    names = list(dict.fromkeys(m.dataset for m in labelled))
    figure = Figure(figsize=(4.4 * max(1, len(names)), 4.6), dpi=110, layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), place + 1)
        axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="as sure as right")
        for measurement in (m for m in labelled if m.dataset == name):
            scores = measurement.evaluation.confidence
            assert scores is not None
            shown = [
                (c, a)
                for n, c, a in zip(scores.bin_pixels, scores.bin_confidence, scores.bin_accuracy, strict=True)
                if n >= _LEAST_SHARE * scores.pixels
            ]
            style = {"clean": "black", "uncalibrated": "0.5"}.get(measurement.degradation)
            axes.plot(
                *zip(*shown, strict=True),
                marker="o",
                markersize=3,
                linewidth=1.4,
                color=style,
                linestyle=":" if measurement.degradation == "uncalibrated" else "-",
                label=f"{measurement.degradation} (ECE {scores.ece:.3f})",
            )
        axes.set(title=name, xlabel="confidence", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        if place == 0:
            axes.set_ylabel("share of the pixels that is right")
        axes.legend(fontsize=7, loc="upper left")
        axes.grid(alpha=0.3)
    figure.savefig(path)


def draw_examples(engine: Engine, dataset: Dataset, degradations: Sequence[Degradation], index: int = 0) -> Picture:
    """Draw a sample as it is and made worse: image, labels, confidence and depth, a row for each.

    Returns:
        (H', W', 3) uint8 RGB. Confidence is black at 0 and white at 1.
    """
    rows = [_heading(("image", "labels", "confidence (white is sure)", "depth (red is near)"))]
    for name, worse in (("clean", None), *((str(d), d) for d in degradations)):
        sample = dataset[index] if worse is None else worse.apply(dataset[index], index)
        prediction = engine.predict([Frame(sample.image)])[0]
        assert prediction.confidence is not None  # everything is wanted
        colors = engine.domain.colorize(prediction.labels)
        sure = np.repeat(np.rint(255 * prediction.confidence).astype(np.uint8)[..., None], 3, axis=2)
        tiles = (
            sample.image,
            overlay(sample.image, colors, prediction.labels),
            sure,
            depth_picture(prediction.depth)[0],
        )
        rows += [_heading((name, "", "", "")), np.hstack([_tile(tile) for tile in tiles])]
    return np.vstack(rows)


def _heading(titles: Sequence[str]) -> Picture:
    strip = np.full((_LABEL, len(titles) * (_TILE_WIDTH + _GAP), 3), _PAPER, np.uint8)
    for place, title in enumerate(titles):
        at = (place * (_TILE_WIDTH + _GAP) + 4, 15)
        cv2.putText(strip, title, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return strip


def _tile(picture: Picture) -> Picture:
    height = round(picture.shape[0] * _TILE_WIDTH / picture.shape[1])
    resized = cv2.resize(picture, (_TILE_WIDTH, height), interpolation=cv2.INTER_AREA)
    tile = np.full((height + _GAP, _TILE_WIDTH + _GAP, 3), _PAPER, np.uint8)
    tile[:height, :_TILE_WIDTH] = resized
    return tile
