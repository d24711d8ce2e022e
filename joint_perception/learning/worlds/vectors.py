# SPDX-License-Identifier: Apache-2.0
"""Products of many short vectors, column by column.

BLAS is slow on arrays of 3 columns, and its threads get in the way of training workers that share the cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]


def dot(a: Array, b: Array) -> Array:
    """(N,) products of (N, 3) with (N, 3), or of (N, 3) with one (3,)."""
    b = b.T
    product: Array = a[..., 0] * b[0] + a[..., 1] * b[1] + a[..., 2] * b[2]
    return product


def turned(vectors: Array, matrix: npt.NDArray[np.floating]) -> Array:
    """(N, 3) rows times a (3, 3) matrix from the right."""
    return np.stack([dot(vectors, column) for column in matrix.T.astype(np.float32)], axis=1)


def normalized(vectors: Array) -> Array:
    """(N, 3) vectors of length 1 along those given."""
    unit = vectors / np.sqrt(dot(vectors, vectors))[:, None]
    return unit.astype(np.float32, copy=False)
