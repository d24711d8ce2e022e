# SPDX-License-Identifier: Apache-2.0
"""What figures are made of measurements."""

from __future__ import annotations

import math

import numpy as np
import pytest

from joint_perception.benchmark.accuracy import agreement
from joint_perception.benchmark.end_to_end import speed_up, waited_for
from joint_perception.benchmark.series import summary
from joint_perception.benchmark.table import tables


def test_a_median_comes_with_its_spread_and_number():
    found = summary([3.0, 1.0, 2.0, math.nan, *range(4, 12)])

    assert found == {"median_ms": 6.0, "low_ms": 2.0, "high_ms": 10.0, "count": 11}
    assert summary([]) == {}


def test_results_that_came_between_stamp_and_arrival_were_waited_for():
    """A queue of three: each frame waits for those before it. Then one that finds the engine free."""
    queue = [(0, 10), (1, 20), (2, 30), (3, 40), (100, 110)]

    assert waited_for(queue) == [0, 1, 2, 3, 0]


def test_agreement_counts_labels_and_relative_depth():
    labels, depth = np.zeros((10, 10), np.uint8), np.full((10, 10), 2.0, np.float32)
    other_labels, other_depth = labels.copy(), depth * 1.01
    other_labels[0, 0], other_depth[1, 1] = 1, np.nan

    found = agreement(other_labels, other_depth, labels, depth)

    assert found["label_agreement"] == 0.99
    assert found["depth_median"] == pytest.approx(0.01, rel=1e-2)
    assert agreement(labels, np.full_like(depth, np.nan), labels, depth) == {"label_agreement": 1.0}


def test_speed_up_is_that_of_medians():
    rows = {"640x480": {"peer": {"median_ms": 900.0}, "fp32": {"median_ms": 90.0}, "bf16": {"lost": 3}}}

    assert speed_up(rows, "peer") == {"640x480": {"fp32": 10.0}}
    assert speed_up(rows, "absent") == {}


def test_tables_have_a_cell_for_each_column_whatever_is_missing():
    row = {"median_ms": 2.0, "low_ms": 1.0, "high_ms": 3.0, "cpu_ms": 4.0, "memory_mb": 5, "lost": 0, "count": 7}
    results = {
        "end_to_end": {"64x48": {"peer": row, "fp32": {"lost": 2}}},
        "stages": {"64x48": {"fp32": {"network": 1.0, "rest": 0.5}, "bf16": {"cloud": 1.0}}},
        "engine": {"64x48": {"batch_1": {"peer": row, "torch_fp32": {**row, "stages": {"network": 1.0}}}}},
        "outpaced": {"fp32": {}},
        "growth": {"topics": {"1": {**row, "last": "label"}}, "size": {}},
    }

    found = list(tables(results))

    assert len(found) == 5
    for table in found:
        assert {len(line) for line in table.rows} == {len(table.header)}
        assert len(table.markdown().splitlines()) == len(table.rows) + 4
