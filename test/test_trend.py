# SPDX-License-Identifier: Apache-2.0
"""The soak's test for growth: leaks are found, noise, spikes and rounds are not leaks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from trend import trend

TIMES = np.arange(0.0, 3600.0, 5.0)
NOISE = np.random.default_rng(0).normal(0.0, 3.0, TIMES.size)
LEAK = TIMES / 60  # one a minute
ROUNDS = 80.0 * ((TIMES % 300) > 250)
SPIKES = np.where(np.arange(TIMES.size) % 17 == 0, 500.0, 0.0)
EDGES = [*np.arange(0.0, 3601.0, 300.0)]


@pytest.mark.parametrize("series", [NOISE, NOISE + ROUNDS, NOISE + SPIKES, NOISE * 0, np.sin(TIMES / 200) * 20 + NOISE])
def test_what_does_not_grow(series):
    assert not trend(TIMES, 500 + series, EDGES).grows(24.0)
    assert not trend(TIMES, 500 + series).grows(24.0)


@pytest.mark.parametrize("series", [LEAK, LEAK + NOISE, LEAK + NOISE + ROUNDS + SPIKES, np.floor(TIMES / 600) * 10])
def test_what_grows(series):
    found = trend(TIMES, 500 + series, EDGES)
    assert found.grows(24.0)
    assert found.growth == pytest.approx(55, rel=0.2)


def test_too_little_to_say():
    assert not trend([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]).grows(0.0)
    assert not trend(TIMES, np.full(TIMES.size, np.nan)).grows(0.0)
