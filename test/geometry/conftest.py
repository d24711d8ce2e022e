# SPDX-License-Identifier: Apache-2.0
"""What the tests of the geometry share."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("busy cores", deadline=None)  # no time limit for one example
settings.load_profile("busy cores")
