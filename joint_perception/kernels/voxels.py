# SPDX-License-Identifier: Apache-2.0
"""Obstacles among points: which are, and of each cube the first, through a hash table in place of a sort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from joint_perception.kernels.compiler import compiled

# ruff: noqa: ANN001, ANN201, ANN202 (types come from the arguments)
# mypy: disable-error-code="no-untyped-def"

_EMPTY = np.int64(-1)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth, TAOCP 3, 6.4


_CELL_BITS = 21  # of each axis in a key, as `geometry.obstacles` has it


@compiled()
def select(values, bits, left_out, plane, limits, indices, keys):
    """Choose points, and name the cubes that they are in.

    Args:
        values: (N, 6) float32 as of `geometry.PointSet`.
        bits: The same as uint32.
        left_out: (256,) bool, labels that are not chosen.
        plane: (4,) float32: a normal that points up, and the height of the origin above the plane.
        limits: (4,) float32: least and greatest height, greatest distance, edge of a cube (0: `keys` stays as it is).
        indices: (N,) int64, gets those of the points that are chosen.
        keys: (N,) int64, gets their cubes.

    Returns:
        How many.
    """
    low, high, far, size = limits[0], limits[1], limits[2], limits[3]
    half = np.int64(1) << (_CELL_BITS - 1)
    # Up to here float32 holds whole numbers.
    least, most = np.float32(-half), np.float32(half - 1)
    count = 0
    for i in range(values.shape[0]):
        x, y, z = values[i, 0], values[i, 1], values[i, 2]
        if not np.isfinite(z) or left_out[bits[i, 4] & 0xFF]:
            continue
        height = x * plane[0] + y * plane[1] + z * plane[2] + plane[3]
        if not low <= height <= high or not np.float32(np.sqrt(x * x + y * y + z * z)) <= far:
            continue
        if size > 0:
            column = np.int64(min(max(np.floor(x / size), least), most)) + half
            row = np.int64(min(max(np.floor(y / size), least), most)) + half
            depth = np.int64(min(max(np.floor(z / size), least), most)) + half
            keys[count] = (column << (2 * _CELL_BITS)) | (row << _CELL_BITS) | depth
        indices[count] = i
        count += 1
    return count


def first_of_each(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Indices of the keys that no equal one precedes, ascending.

    Args:
        keys: (N,) int64, none below zero.
    """
    bits = max(4, int(2 * len(keys)).bit_length())
    table = np.full(1 << bits, _EMPTY)
    first = np.zeros(len(keys), np.bool_)
    _mark(keys, table, np.uint64(64 - bits), first)
    return np.flatnonzero(first)


@compiled()
def _mark(keys, table, shift, first):
    mask = table.shape[0] - 1
    for i in range(keys.shape[0]):
        slot = np.int64((np.uint64(keys[i]) * _MULTIPLIER) >> shift)
        while table[slot] != _EMPTY and table[slot] != keys[i]:
            slot = (slot + 1) & mask
        if table[slot] == _EMPTY:
            table[slot] = keys[i]
            first[i] = True
