# SPDX-License-Identifier: Apache-2.0
"""The stopwatch: stages by name, summed, in order, and counted even when they fail."""

from __future__ import annotations

import time

import pytest

from joint_perception.engine import Stopwatch


def test_stages_are_summed_by_name_in_the_order_of_their_first_start():
    stopwatch = Stopwatch()

    started = time.perf_counter()
    for name in ("decode", "network", "decode"):
        with stopwatch.stage(name):
            time.sleep(0.01)
    elapsed = time.perf_counter() - started

    assert list(stopwatch.seconds) == ["decode", "network"]
    assert stopwatch.seconds["decode"] >= 0.019  # two sleeps, each of at least its time
    assert stopwatch.seconds["network"] >= 0.0095
    assert sum(stopwatch.seconds.values()) <= elapsed


def test_a_stage_that_fails_is_counted_and_its_error_goes_on():
    stopwatch = Stopwatch()

    with pytest.raises(KeyError), stopwatch.stage("network"):
        raise KeyError

    assert stopwatch.seconds["network"] > 0


def test_a_new_stopwatch_has_no_stages():
    assert Stopwatch().seconds == {}
