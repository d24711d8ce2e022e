# SPDX-License-Identifier: Apache-2.0
"""What makes a frame unusable, and a configuration."""

from __future__ import annotations


class FrameError(ValueError):
    """A frame that cannot be used; it is counted under its cause, reported and skipped.

    Args:
        cause: One word for statistics, such as `unknown_encoding`.
        message: What is wrong, the value, and what to do.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class ParameterError(ValueError):
    """A parameter with a value it cannot have; fails the transition, or the request to set it."""
