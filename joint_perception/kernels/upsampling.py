# SPDX-License-Identifier: Apache-2.0
"""Bilinear upsampling and the decision at each pixel, in one pass and without the upsampled logits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from joint_perception.kernels.compiler import compiled

# ruff: noqa: ANN001, ANN201, ANN202, D417 (types come from the arguments)
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

_VOID = 255


class Axis(NamedTuple):
    """Where the pixels of an axis lie between those of the smaller one: two neighbours and the second one's share."""

    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    share: npt.NDArray[np.float32]


def axis(size: int, source: int) -> Axis:
    """The interpolation along an axis, as torch's `interpolate(mode="bilinear", align_corners=False)` has it.

    Args:
        size: Pixels of the result.
        source: Pixels that are interpolated.
    """
    scale = np.float32(source) / np.float32(size)
    position = np.maximum((np.arange(size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5), 0)
    first = np.minimum(position.astype(np.int32), source - 1)
    # Of a size that stays no neighbour counts, not even with a share of nothing: nothing times NaN is NaN.
    second = first if size == source else np.minimum(first + 1, source - 1).astype(np.int32)
    share = np.clip(position - first.astype(np.float32), 0, 1).astype(np.float32)
    return Axis(first, second, share)


_SANE = np.float32(1e29)  # greater ones would overflow in a difference


@compiled()
def _all_sane(values):
    odd = 0
    for c in range(values.shape[0]):
        odd += not abs(values[c]) <= _SANE  # NaN, too
    return odd == 0


@compiled(finite=True)
def _greatest(values):
    most = values[0]
    for c in range(values.shape[0]):
        most = max(most, values[c])
    return most


@compiled(finite=True)
def _first_greatest(values, most):
    for c in range(values.shape[0]):
        if values[c] == most:
            return c
    return 0


@compiled()
def mix(a, b, share, mixed):
    """What lies between two rows, at the second one's share."""
    rest = np.float32(1) - share
    for c in range(mixed.shape[0]):
        mixed[c] = a[c] * rest + b[c] * share


@compiled()
def _cautious(values, inverse_temperature):
    label, most = 0, values[0]
    for c in range(1, values.shape[0]):
        if values[c] > most:
            label, most = c, values[c]
    total = np.float32(0)
    for c in range(values.shape[0]):
        total += np.float32(np.exp((values[c] - most) * inverse_temperature))
    sure = np.float32(1) / total
    return label, sure if sure > 0 and sure <= 1 else np.float32(0)


@compiled()
def greatest(logits, first, count, best):
    """The channel of the greatest logit.

    Args:
        logits: (h, w, channels) float32, C-contiguous.
        first: Channel of class 0.
        count: Number of classes.
        best: (h, w) int32: gets the class, the first of equal ones; -1 where a logit is not finite, or huge.
    """
    for y in range(logits.shape[0]):
        for x in range(logits.shape[1]):
            row = logits[y, x, first : first + count]
            best[y, x] = _first_greatest(row, _greatest(row)) if _all_sane(row) else -1


@compiled()
def decide(
    logits,
    first,
    count,
    best,
    y_first,
    y_second,
    y_share,
    x_first,
    x_second,
    x_share,
    inverse_temperature,
    min_confidence,
    labels,
    confidence,
):
    """Label and confidence of every pixel.

    Between four logits whose greatest is the same channel, that channel is the greatest of every convex combination
    of them: only the other cells are interpolated, unless the confidence is wanted. For that there is a faster way,
    `confident.decide_confidently`, where all logits are finite.

    Args:
        logits: (h, w, channels) float32, C-contiguous.
        first: Channel of class 0.
        count: Number of classes.
        best: As of `greatest`.
        y_first, y_second, y_share: The `Axis` of the rows.
        x_first, x_second, x_share: That of the columns.
        inverse_temperature: What the logits are multiplied by for the confidence, float32.
        min_confidence: Below it a label becomes 255, float32.
        labels: (H, W) uint8, written.
        confidence: (H, W) float32, written; (0, 0): not wanted.
    """
    wanted = confidence.shape[0] > 0
    left, right, mixed = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    last = first + count
    for y in range(labels.shape[0]):
        top, bottom, v = y_first[y], y_second[y], y_share[y]
        ready, uniform, finite, label = -1, False, False, 0
        for x in range(labels.shape[1]):
            west, east = x_first[x], x_second[x]
            if west != ready:
                ready = west
                label = best[top, west]
                uniform = label >= 0 and label == best[top, east] == best[bottom, west] == best[bottom, east]
                finite = min(label, best[top, east], best[bottom, west], best[bottom, east]) >= 0
                if wanted or not uniform:
                    mix(logits[top, west, first:last], logits[bottom, west, first:last], v, left)
                    mix(logits[top, east, first:last], logits[bottom, east, first:last], v, right)
            if uniform and not wanted:
                labels[y, x] = label
                continue
            mix(left, right, x_share[x], mixed)
            if wanted or not finite:
                # Beside a logit that is not finite: the network's sums overflowed, the label is arbitrary, and it is
                # trusted by nobody.
                first_greatest, sure = _cautious(mixed, inverse_temperature)
                label = label if uniform else first_greatest
            else:
                label, sure = _first_greatest(mixed, _greatest(mixed)), np.float32(1)
            labels[y, x] = label
            if wanted:
                confidence[y, x] = sure
                if sure < min_confidence:
                    labels[y, x] = _VOID


@compiled()
def metres(
    heads,
    y_first,
    y_second,
    y_share,
    x_first,
    x_second,
    x_share,
    scale,
    low,
    high,
    depth,
):
    """Depth of every pixel.

    Args:
        heads: (h, w) float32, C-contiguous: what the head says.
        y_first, y_second, y_share: The `Axis` of the rows.
        x_first, x_second, x_share: That of the columns.
        scale: What absolute values are multiplied by.
        low, high: Limits; outside them there is no measurement.
        depth: (H, W) float32, written; NaN where there is no measurement.
    """
    row = np.empty(heads.shape[1], np.float32)
    for y in range(depth.shape[0]):
        top, bottom, v = heads[y_first[y]], heads[y_second[y]], y_share[y]
        u = np.float32(1) - v
        for x in range(row.shape[0]):
            row[x] = top[x] * u + bottom[x] * v
        for x in range(depth.shape[1]):
            t = x_share[x]
            value = abs(row[x_first[x]] * (np.float32(1) - t) + row[x_second[x]] * t) * scale
            depth[y, x] = value if low <= value <= high else np.float32(np.nan)
