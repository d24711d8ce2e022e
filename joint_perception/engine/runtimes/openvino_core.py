# SPDX-License-Identifier: Apache-2.0
"""OpenVINO's core, of which a process has one."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def openvino_core() -> Any:
    """The process's one `openvino.Core`; it is never freed.

    Each core gives the thread that makes it an alternate stack for signal handlers. When it is freed it unmaps that
    stack, even where it is in use still (freed by another thread), and puts the one before in its place, even where
    that is unmapped already (two cores freed in the order they were made). Python runs its signal handlers on that
    stack: the next Ctrl-C, or child that ends, was a SIGSEGV.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    import openvino  # noqa: PLC0415 (optional, and slow to load)

    return openvino.Core()
