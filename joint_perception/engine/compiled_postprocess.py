# SPDX-License-Identifier: Apache-2.0
"""`postprocess.to_predictions`, on the CPU with compiled loops: the same result, without the upsampled logits."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.engine import postprocess
from joint_perception.engine.frame import EVERYTHING, Prediction
from joint_perception.kernels import available

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy.typing as npt

    from joint_perception.engine.reading import Reading
    from joint_perception.kernels.upsampling import Axis
    from joint_perception.network import Outputs

_THREADS = min(4, os.cpu_count() or 1)
_LEAST_ROWS = 64  # of a thread's part: fewer are not worth a thread


def to_predictions(
    outputs: Outputs, size: tuple[int, int], reading: Reading, wanted: Collection[str] = EVERYTHING
) -> list[Prediction]:
    """As `postprocess.to_predictions`, which serves on other devices and where nothing can be compiled."""
    if outputs.segm.device.type != "cpu" or not available():
        return postprocess.to_predictions(outputs, size, reading, wanted)
    logits = outputs.segm.permute(0, 2, 3, 1).float().contiguous().numpy()
    heads = outputs.depth[:, 0].float().contiguous().numpy()
    decided = [_decide(logits[i], heads[i], size, reading, "confidence" in wanted) for i in range(len(logits))]
    normals: list[npt.NDArray[np.float32] | None] = [None] * len(logits)
    if outputs.normal is not None and "normals" in wanted:
        normals = list(postprocess.numpy_of(postprocess.unit_normals(outputs.normal, size)))
    return [
        Prediction(labels, depth, confidence, vectors)
        for (labels, depth, confidence), vectors in zip(decided, normals, strict=True)
    ]


def _decide(
    logits: npt.NDArray[np.float32],
    heads: npt.NDArray[np.float32],
    size: tuple[int, int],
    reading: Reading,
    confident: bool,  # noqa: FBT001 (a field of what is wanted)
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    from joint_perception.kernels import confident as surely  # noqa: PLC0415 (needs Numba)
    from joint_perception.kernels import upsampling  # noqa: PLC0415

    first, count = reading.domain.first_channel, reading.domain.num_classes
    rows, columns = _axes(size, logits.shape[:2])
    # A network of somebody else's may give its depth at another size than its classes.
    depth_rows, depth_columns = (rows, columns) if heads.shape == logits.shape[:2] else _axes(size, heads.shape)
    best = np.empty(logits.shape[:2], np.int32)
    upsampling.greatest(logits, first, count, best)
    labels, depth = np.empty(size, np.uint8), np.empty(size, np.float32)
    confidence = np.empty(size if confident or reading.min_confidence > 0 else (0, 0), np.float32)
    decide = surely.decide_confidently if confidence.size else upsampling.decide
    temperature, threshold = np.float32(1 / reading.temperature), np.float32(reading.min_confidence)
    scale, (low, high) = np.float32(reading.depth_scale), map(np.float32, reading.limits)

    def band(start: int, stop: int) -> None:
        part = slice(start, stop)
        own = (along[part] for along in rows)
        decide(logits, first, count, best, *own, *columns, temperature, threshold, labels[part], confidence[part])
        own = (along[part] for along in depth_rows)
        upsampling.metres(heads, *own, *depth_columns, scale, low, high, depth[part])

    _in_bands(size[0], band)
    return labels, depth, confidence if confident else None


def _axes(size: tuple[int, int], source: tuple[int, ...]) -> tuple[Axis, Axis]:
    from joint_perception.kernels import upsampling  # noqa: PLC0415 (needs Numba)

    return upsampling.axis(size[0], source[0]), upsampling.axis(size[1], source[1])


def _in_bands(height: int, work: Callable[[int, int], None]) -> None:
    """Share the rows of an image between threads: the loops free the interpreter lock."""
    count = max(1, min(_THREADS, height // _LEAST_ROWS))
    edges = [height * i // count for i in range(count + 1)]
    if count == 1:
        work(0, height)
        return
    for done in [_pool().submit(work, *edges[i : i + 2]) for i in range(count)]:
        done.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="postprocess")
