# SPDX-License-Identifier: Apache-2.0
"""Memory that is used again for the next frame, in place of being given back after each."""

from __future__ import annotations

import ctypes
import os

# malloc.h of glibc. Beyond these sizes memory comes fresh from the kernel and goes back to it: each page of each image,
# cloud and message is then zeroed and mapped anew at every frame, which takes longer than to fill it.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_KEPT = 1 << 30
_PAD = 64 << 20
_LARGEST_THRESHOLD = 32 << 20  # of older glibc
_OWN_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_memory() -> bool:
    """Let glibc's malloc keep what is freed; for the whole process, best called before its threads start.

    Returns:
        Whether it does; False where the user set malloc's variables, and with another C library.
    """
    if any(os.environ.get(name) for name in _OWN_SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_TRIM_THRESHOLD, _KEPT), (_M_TOP_PAD, _PAD))
    kept = min(mallopt(ctypes.c_int(option), ctypes.c_int(value)) for option, value in settings) > 0
    thresholds = (_KEPT, _LARGEST_THRESHOLD)
    return kept and any(mallopt(ctypes.c_int(_M_MMAP_THRESHOLD), ctypes.c_int(value)) for value in thresholds)
