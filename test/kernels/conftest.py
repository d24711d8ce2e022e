# SPDX-License-Identifier: Apache-2.0
"""What the tests of the compiled loops share."""

from __future__ import annotations

import pytest
from hypothesis import settings

from joint_perception.kernels import available

settings.register_profile("busy cores", deadline=None)  # no time limit for one example
settings.load_profile("busy cores")

if not available():
    pytest.skip("numba is not here", allow_module_level=True)
