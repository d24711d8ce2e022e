# SPDX-License-Identifier: Apache-2.0
"""The figures of the scorer, against ones worked out by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from joint_perception.demo.scores import Scores
from joint_perception.demo.shot import DemoError

NONE = np.nan


def labels(*ids):
    return np.array([ids], np.uint8)


def metres(*values):
    return np.array([values], np.float32)


@pytest.fixture
def scores():
    """Two frames: the node has a class more, before the others."""
    scores = Scores(("road", "sky", "car"), ("floor", "road", "sky", "car"), cap=80.0)
    # road road sky void; the node: road, floor, sky, car
    scores.add(labels(1, 0, 2, 3), metres(12, 8, 5, NONE), labels(0, 0, 1, 255), metres(10, 10, NONE, NONE), 0.050)
    # sky sky road road; the node: sky, road, road, road. 100 m is beyond the cap; 20 m has no prediction
    scores.add(labels(2, 1, 1, 1), metres(4, 70, NONE, 30), labels(1, 1, 0, 0), metres(4, 100, 20, 20), 0.150)
    return scores


def test_figures_pool_the_pixels_of_all_frames(scores):
    got = scores.to_json(unpaired=3)

    assert (got["frames"], got["frames_unpaired"]) == (2, 3)
    # road: 3 hits, annotated 4, predicted 4 (one of them sky); sky: 2 of 3; car does not occur.
    assert got["iou"] == {"road": pytest.approx(3 / 5), "sky": pytest.approx(2 / 3)}
    assert got["miou"] == pytest.approx((3 / 5 + 2 / 3) / 2)
    assert got["pixel_accuracy"] == pytest.approx(5 / 7)
    assert got["rmse"] == pytest.approx(math.sqrt((2**2 + 2**2 + 0 + 10**2) / 4))
    assert got["abs_rel"] == pytest.approx((0.2 + 0.2 + 0 + 0.5) / 4)
    assert got["depth_coverage"] == pytest.approx(4 / 5)
    assert got["latency_ms"] == {"median": pytest.approx(100), "p95": pytest.approx(145)}
    for words in ("4x1", "2 of 3 classes", "t <= 80 m", "80.0 %"):
        assert words in got["protocol"]
    json.dumps(got, allow_nan=False)


def test_the_line_and_the_table_say_the_same(scores):
    line, table = scores.line(unpaired=3), "\n".join(scores.table(unpaired=3))

    for words in ("2 frames", "3 more without output", "mIoU 0.63", "road 0.60, sky 0.67", "RMSE 5.20 m", "p95 145 ms"):
        assert words in line
    for words in ("0.633", "0.600", "5.20 m", "100 ms", "145 ms"):
        assert words in table


def test_nothing_scored_is_said_and_is_still_json():
    scores = Scores((), ())

    assert "no frame was scored; 7 images" in scores.table(7)[0]
    got = json.loads(json.dumps(scores.to_json(7), allow_nan=False))
    assert (got["frames"], got["frames_unpaired"], got["miou"], got["latency_ms"]) == (0, 7, None, None)


def test_a_node_of_another_domain_is_refused():
    with pytest.raises(DemoError, match=r"lack car.*domain"):
        Scores(("road", "car"), ("wall", "road"))
