# SPDX-License-Identifier: Apache-2.0
"""How much the tests of faults try: little in CI, all with `--faults-long` (or JP_FAULTS_LONG=1)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LONG = os.environ.get("JP_FAULTS_LONG") == "1"


def cases(few: int, many: int) -> settings:
    """So many examples, however slow the machine is."""
    return settings(
        max_examples=many if LONG else few,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
