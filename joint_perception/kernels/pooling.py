# SPDX-License-Identifier: Apache-2.0
"""A chain of poolings, channel by channel, in one pass over memory: the last context block of the network."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.kernels.compiler import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

# ruff: noqa: ANN001, ANN202 (types come from the arguments)
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

# Channels that are worked on together fill a cache line. A row of them, and the last rows of each stage, stay in a
# core's own cache, while the whole image, 20 MB at 640x480, would be written to memory and read again 20 times.
_LINE = 64  # bytes
_WORDS = 8  # of a line, as int64
_REACH = 2  # pixels to each side, and rows above and below, that a pooling looks at
_OUTSIDE = np.float32(-3e38)  # less than any value: what lies outside never is the maximum


@compiled()
def _gather(image, first, row):
    """A cache line of each pixel, side by side."""
    # All is loaded before anything is stored: else the compiler, which does not know that the arrays are apart,
    # copies word by word, and a core waits for memory a line at a time.
    for x in range(image.shape[0]):
        line = image[x, first : first + _WORDS]
        a, b, c, d, e, f, g, h = line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7]
        out = row[x * _WORDS : (x + 1) * _WORDS]
        out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7] = a, b, c, d, e, f, g, h


@compiled()
def _scatter(row, first, image):
    """The way back."""
    for x in range(image.shape[0]):
        line = row[x * _WORDS : (x + 1) * _WORDS]
        a, b, c, d, e, f, g, h = line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7]
        out = image[x, first : first + _WORDS]
        out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7] = a, b, c, d, e, f, g, h


@compiled(finite=True)
def _widened(half, out):
    """bfloat16, as its bits, to the bits of float32."""
    for i in range(half.shape[0]):
        out[i] = np.uint32(half[i]) << np.uint32(16)


@compiled(finite=True)
def _narrowed(bits, out):
    """The bits of float32 to those of the nearest bfloat16, ties to the even one. No NaN."""
    for i in range(bits.shape[0]):
        odd = (bits[i] >> np.uint32(16)) & np.uint32(1)
        out[i] = np.uint16((bits[i] + np.uint32(0x7FFF) + odd) >> np.uint32(16))


@compiled(finite=True)
def _along(a, b, c, d, e, out):
    """The maximum over five pixels of a row, which come as five views of it."""
    for i in range(out.shape[0]):
        out[i] = max(a[i], b[i], c[i], d[i], e[i])


@compiled(finite=True)
def _across(a, b, c, d, e, scale, out, sums):
    """The maximum over five rows, times a factor a channel, which also goes to a sum."""
    for i in range(out.shape[0]):
        value = max(a[i], b[i], c[i], d[i], e[i]) * scale[i]
        out[i] = value
        sums[i] += value


@compiled(finite=True)
def _copy(row, out):
    for i in range(out.shape[0]):
        out[i] = row[i]


@compiled(finite=True)
def _headed(sums, scale, out):
    for i in range(sums.shape[0]):
        out[i] = min(max(sums[i] * scale[i], np.float32(0)), np.float32(6))


@compiled()
def _tiled(factors, first, lanes, size):
    out = np.empty((factors.shape[0], size), np.float32)
    for row in range(factors.shape[0]):
        for i in range(size):
            out[row, i] = factors[row, first + i % lanes]
    return out


@compiled()
def _chain(image, half, scales, heads, line, out):
    """One cache line of each pixel's channels: see `pooled`; the images as words of eight bytes, (H, W, words)."""
    height, width = image.shape[0], image.shape[1]
    stages, lanes = scales.shape[0], _LINE // 2 if half else _LINE // 4
    size, side = width * lanes, _REACH * lanes
    delay = _REACH * stages
    keep = delay + 1
    packed = np.empty(width * _WORDS, np.int64)
    halves, singles = packed.view(np.uint16), packed.view(np.float32)
    row = np.full(size + 2 * side, _OUTSIDE, np.float32)
    middle = row[side : side + size]
    rings = np.empty((stages, 2 * _REACH + 1, size), np.float32)
    sums = np.empty((keep, size), np.float32)
    done_row = np.empty(size, np.float32)
    factors = _tiled(scales, line * lanes, lanes, size)
    own_heads = _tiled(heads, line * lanes, lanes, size)
    for y in range(height + delay):
        if y < height:
            _gather(image[y], line * _WORDS, packed)
            if half:
                _widened(halves, middle.view(np.uint32))
            else:
                _copy(singles, middle)
            _copy(middle, sums[y % keep])
        for stage in range(stages):
            # Of this stage's input the row that is there now; it makes the output `_REACH` rows above complete.
            own = y - _REACH * stage
            ring = rings[stage]
            if 0 <= own < height:
                _along(
                    row[:size],
                    row[lanes : lanes + size],
                    middle,
                    row[3 * lanes : 3 * lanes + size],
                    row[4 * lanes :],
                    ring[own % 5],
                )
            done = own - _REACH
            if done < 0 or done >= height:
                continue
            # Rows beyond the image are left out: one that is there stands for them.
            a, b = max(done - 2, 0) % 5, max(done - 1, 0) % 5
            d, e = min(done + 1, height - 1) % 5, min(done + 2, height - 1) % 5
            _across(ring[a], ring[b], ring[done % 5], ring[d], ring[e], factors[stage], middle, sums[done % keep])
        done = y - delay
        if done >= 0:
            for head in range(heads.shape[0]):
                if half:
                    _headed(sums[done % keep], own_heads[head], done_row)
                    _narrowed(done_row.view(np.uint32), halves)
                else:
                    _headed(sums[done % keep], own_heads[head], singles)
                _scatter(packed, line * _WORDS, out[head][done])


def pooled(
    image: npt.NDArray[Any],
    half: bool,  # noqa: FBT001 (as the compiled loop has it)
    scales: npt.NDArray[np.float32],
    heads: npt.NDArray[np.float32],
    out: Sequence[npt.NDArray[Any]],
) -> None:
    """Pool over 5x5 and multiply by a factor a channel, stage after stage; each head gets the sum of all, its own way.

    The sum is that of the image and of each stage's result; a head's way is times a factor a channel, cut to 0..6.
    Threads share the channels. Sums are of float32 whatever the image is of.

    Args:
        image: (N, H, W, C) float32, or bfloat16 as uint16: finite, C a multiple of 16, or 32.
        half: It is bfloat16.
        scales: (stages, C) float32.
        heads: (heads, C) float32.
        out: As many arrays as heads, each as `image`. The image itself may be one of them.
    """
    words, out_words = image.view(np.int64), [array.view(np.int64) for array in out]

    def work(job: tuple[int, int]) -> None:
        n, line = job
        _chain(words[n], half, scales, heads, line, tuple(array[n] for array in out_words))

    jobs = [(n, line) for n in range(len(image)) for line in range(words.shape[-1] // _WORDS)]
    for _ in _threads().map(work, jobs):
        pass


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="pooling")
