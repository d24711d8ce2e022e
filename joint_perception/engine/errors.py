# SPDX-License-Identifier: Apache-2.0
"""What an engine refuses."""

from __future__ import annotations


class EngineError(RuntimeError):
    """A device or a runtime that is not there, or a network, a domain and a size that do not fit together."""


class RuntimeUnavailableError(EngineError):
    """A runtime that cannot serve here: its package, its device or its number format is missing."""
