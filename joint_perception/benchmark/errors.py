# SPDX-License-Identifier: Apache-2.0
"""The benchmark's own complaint."""

from __future__ import annotations


class BenchmarkError(RuntimeError):
    """Something that is to be measured cannot be started, or ended."""
