# SPDX-License-Identifier: Apache-2.0
"""Numba, an optional package: the modules beside this one need it, and are imported only where `available` says so."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


@functools.cache
def available() -> bool:
    """Whether functions can be compiled here."""
    try:
        import numba  # noqa: F401, PLC0415 (optional, and slow to load)
    except ImportError as error:
        _log.info("no compiled loops, the plain ones are slower: %s; pip install numba", error)
        return False
    return True


def compiled(*, finite: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: compile at the first call, keep it on disk for the next process, free the interpreter lock.

    Args:
        finite: No argument is NaN or infinite, and sums may be taken in any order.
    """
    from numba import njit  # noqa: PLC0415

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            made: Callable[..., Any] = njit(cache=True, nogil=True, fastmath=finite, error_model="numpy")(function)
        except RuntimeError as error:  # nowhere to keep it
            _log.info("compiled loops are not kept: %s", error)
            made = njit(nogil=True, fastmath=finite, error_model="numpy")(function)
        return made

    return decorate
