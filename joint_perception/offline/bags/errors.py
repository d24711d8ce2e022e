# SPDX-License-Identifier: Apache-2.0
"""What makes a recording, or a run over one, impossible."""

from __future__ import annotations


class BagError(RuntimeError):
    """A recording that cannot be read, a place that cannot be written, or options that do not fit them."""


class NoCameraError(BagError):
    """A recording without the images that are asked for."""
