# SPDX-License-Identifier: Apache-2.0
"""The first of equal keys, through a hash table in place of a sort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from joint_perception.kernels.compiler import compiled

# ruff: noqa: ANN001, ANN202 (types come from the arguments)
# mypy: disable-error-code="no-untyped-def"

_EMPTY = np.int64(-1)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth, TAOCP 3, 6.4


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
