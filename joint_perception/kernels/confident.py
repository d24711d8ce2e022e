# SPDX-License-Identifier: Apache-2.0
"""`upsampling.decide` with confidence, a row at a time: pixels fill vectors that the few classes would not."""

from __future__ import annotations

import numpy as np

from joint_perception.kernels.compiler import compiled
from joint_perception.kernels.upsampling import decide, mix

# ruff: noqa: ANN001, ANN201, ANN202 (types come from the arguments)
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

_VOID = 255
_LEAST = np.float32(-3e38)
_MOST_PHASES = 9


@compiled()
def _turned(row, by_class):
    """A row of logits, (w, classes), to (classes, w)."""
    for x in range(row.shape[0]):
        for c in range(by_class.shape[0]):
            by_class[c, x] = row[x, c]


@compiled()
def _spread(low, first, second, share, label, values, most, labels):
    """A class's logits along a row, and the first greatest of the classes until then."""
    for x in range(values.shape[0]):
        # Unsigned: for a negative index the compiler would count from the end, and look at each.
        a, b = low[np.uint32(first[x])], low[np.uint32(second[x])]
        value = a * (np.float32(1) - share[x]) + b * share[x]
        values[x] = value
        greater = value > most[x]
        most[x] = value if greater else most[x]
        labels[x] = label if greater else labels[x]


@compiled(finite=True)
def _spread_phases(padded, phases, label, values, most, labels):
    """`_spread` for pixels that lie phase after phase; `padded` has its first and its last logit twice."""
    source = padded.shape[0] - 2
    for phase in range(phases):
        place = (np.float32(phase) + np.float32(0.5)) / np.float32(phases) + np.float32(0.5)
        shift = np.int64(place)
        share = place - np.float32(shift)
        rest = np.float32(1) - share
        start = phase * source
        for i in range(source):
            # Unsigned, as above. No slices: each would count its references, twice for each of these short loops.
            x, west = np.uint64(start + i), np.uint64(shift + i)
            value = padded[west] * rest + padded[np.uint64(shift + i + 1)] * share
            values[x] = value
            labels[x] = label if value > most[x] else labels[x]
            most[x] = max(value, most[x])


@compiled(finite=True)
def _powers(values, most, log2_e, powers):
    """exp(values - most) as 2^n 2^f: a polynomial of the fraction f into `values`, 2^n by its bits into `powers`.

    The polynomial's relative error is below 3e-7, float32's own.
    """
    for x in range(values.shape[0]):
        z = max((values[x] - most[x]) * log2_e, np.float32(-126))
        n = np.floor(z + np.float32(0.5))
        f = z - n
        p = np.float32(1.3333558e-3) * f + np.float32(9.6181291e-3)
        p = p * f + np.float32(5.5504109e-2)
        p = p * f + np.float32(2.4022651e-1)
        p = p * f + np.float32(6.9314718e-1)
        values[x] = p * f + np.float32(1)
        powers[x] = np.int32((n + np.float32(127)) * np.float32(8388608))


@compiled(finite=True)
def _accumulate(values, factors, total):
    for x in range(total.shape[0]):
        total[x] += values[x] * factors[x]


@compiled()
def _conclude(ids, total, phases, min_confidence, labels, confidence):
    """Label and confidence of the pixels of a row, which lie phase after phase."""
    source = labels.shape[0] // phases
    for phase in range(phases):
        for i in range(source):
            sure = np.float32(1) / total[phase * source + i]
            confidence[phases * i + phase] = sure
            labels[phases * i + phase] = ids[phase * source + i] if sure >= min_confidence else _VOID


@compiled()
def decide_confidently(
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
    """As `upsampling.decide`, which does the rows next to a logit that is not finite; `confidence` is wanted.

    Where a row is a whole number of times as wide as the logits', as it is for most cameras, the pixels between two
    neighbours are at one of that many places, again and again: each place is a phase. Pixels of one phase lie side by
    side in what is computed, so that neither logits nor neighbours are gathered one by one.
    """
    width, source = labels.shape[1], logits.shape[1]
    phases = width // source if width % source == 0 and width < _MOST_PHASES * source else 1
    log2_e = np.float32(1.4426950408889634) * inverse_temperature
    upper, lower = np.empty((count, source), np.float32), np.empty((count, source), np.float32)
    upper_is, lower_is = -1, -1
    padded, rows = np.empty(source + 2, np.float32), np.empty((count, width), np.float32)
    low = padded[1 : source + 1]
    most, total, ids = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.int32)
    powers = np.empty(width, np.int32)
    for y in range(labels.shape[0]):
        top, bottom = y_first[y], y_second[y]
        if min(best[top].min(), best[bottom].min()) < 0:
            own = slice(y, y + 1)
            decide(
                logits,
                first,
                count,
                best,
                y_first[own],
                y_second[own],
                y_share[own],
                x_first,
                x_second,
                x_share,
                inverse_temperature,
                min_confidence,
                labels[own],
                confidence[own],
            )
            continue
        if top == lower_is:  # one row further down: what was below is above
            upper, lower, upper_is, lower_is = lower, upper, lower_is, upper_is
        if top != upper_is:
            _turned(logits[top, :, first : first + count], upper)
            upper_is = top
        if bottom != lower_is:
            _turned(logits[bottom, :, first : first + count], lower)
            lower_is = bottom
        most[:], ids[:], total[:] = _LEAST, 0, 0
        for c in range(count):
            mix(upper[c], lower[c], y_share[y], low)
            if phases == 1:
                _spread(low, x_first, x_second, x_share, c, rows[c], most, ids)
                continue
            padded[0], padded[source + 1] = low[0], low[source - 1]
            _spread_phases(padded, phases, np.int32(c), rows[c], most, ids)
        for c in range(count):
            _powers(rows[c], most, log2_e, powers)
            _accumulate(rows[c], powers.view(np.float32), total)
        _conclude(ids, total, phases, min_confidence, labels[y], confidence[y])
