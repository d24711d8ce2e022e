# SPDX-License-Identifier: Apache-2.0
"""What diagnostics say of a camera and of the engine, in every state they can be in."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from joint_perception.engine import load_engine
from joint_perception.pipeline.parameter_table import BY_NAME
from joint_perception.ros.diagnostics import Complaint, Level, Status, camera_status, engine_status, worker_complaints
from joint_perception.ros.statistics import Health
from joint_perception.ros.watchdog import Stall
from joint_perception.ros.worker import WorkerHealth

TOPICS = ("/front/image", "/front/camera_info")
LIMITS = {name: spec.default for name, spec in BY_NAME.items()}


def health(**changes) -> Health:
    """A camera of 15 images a second, of which each second one comes out."""
    usual = {
        "uptime": 60.0,
        "window": 5.0,
        "rate_in": 15.0,
        "rate_out": 7.0,
        "age": 0.05,
        "latencies": (0.05, 0.06, 0.07, 0.08),
        "frames_in": 900,
        "frames_out": 420,
        "dropped": {"superseded": 480},
        "recently_dropped": {"superseded": 40},
        "qos_incompatible": {},
        "time_jumps": 0,
    }
    return Health(**{**usual, **changes})


def of(limits=LIMITS, **changes) -> Status:
    return camera_status("front", TOPICS, health(**changes), limits)


def test_a_camera_that_works():
    status = of()

    assert (status.name, status.hardware_id) == ("camera front", "/front/image")
    assert (status.level, status.message) == (Level.OK, "15.0 images/s in, 7.0 out")
    assert status.values["camera_info topic"] == "/front/camera_info"
    assert status.values["images in (Hz)"] == "15.00"
    assert status.values["images out (Hz)"] == "7.00"
    assert status.values["age of the newest image (s)"] == "0.050"
    assert status.values["latency, 50th percentile (ms)"] == "65.0"
    assert status.values["latency, 99th percentile (ms)"] == f"{1e3 * np.percentile([0.05, 0.06, 0.07, 0.08], 99):.1f}"
    assert status.values["dropped: superseded"] == "480"
    assert status.values["times the stamps went back"] == "0"


def test_the_only_camera_needs_no_name():
    assert camera_status("", TOPICS, health(), LIMITS).name == "camera"


@pytest.mark.parametrize(
    ("changes", "level", "told"),
    [
        ({"age": 2.5}, Level.ERROR, "no image on /front/image for 2.5 s"),
        ({"age": math.nan, "uptime": 9.0, "rate_in": 0.0, "rate_out": 0.0}, Level.ERROR, "no image on /front/image"),
        ({"rate_in": 0.4, "rate_out": 0.4}, Level.WARN, "0.40 images/s come on /front/image, fewer than 1"),
        ({"rate_out": 0.2}, Level.WARN, "0.20 images/s come out, fewer than 1"),
        ({"latencies": (0.1, 1.5, 1.5, 1.5)}, Level.WARN, "90th percentile of the latency is 1.50 s, more than 1 s"),
        ({"latencies": (1e9, 1e9)}, Level.WARN, "set use_sim_time"),
        ({"latencies": (-4.0, -4.0)}, Level.WARN, "4.0 s ahead"),
        (
            {"recently_dropped": {"superseded": 20, "truncated_data": 30, "wrong_step": 15}},
            Level.WARN,
            "60% of the images are unusable (truncated_data 30, wrong_step 15)",
        ),
        (
            {"recently_dropped": {"no_camera_info": 75}, "rate_out": 0.0},
            Level.ERROR,
            "nothing comes out: 100% of the images are unusable (no_camera_info 75)",
        ),
        ({"qos_incompatible": {"/front/image": "RELIABILITY"}}, Level.WARN, "QoS on /front/image (RELIABILITY)"),
    ],
)
def test_what_is_wrong_is_told_with_its_numbers(changes, level, told):
    status = of(**changes)

    assert status.level == level
    assert told in status.message


@pytest.mark.parametrize(
    "changes",
    [
        {"age": math.nan, "uptime": 0.5, "rate_in": 0.0, "rate_out": 0.0, "latencies": ()},  # it has just begun
        {"recently_dropped": {"no_subscribers": 75}, "rate_out": 0.0, "latencies": ()},
        {"recently_dropped": {"disabled": 75}, "rate_out": 0.0, "latencies": ()},
        {"recently_dropped": {"superseded": 30, "truncated_data": 3}},
        {"dropped": {"truncated_data": 3000}},  # of yesterday
        {"time_jumps": 3},
    ],
)
def test_what_is_not_wrong(changes):
    assert of(**changes).level == Level.OK


def test_the_thresholds_are_parameters():
    limits = LIMITS | {
        "diagnostics.max_age": 0.01,
        "diagnostics.min_rate": 0.0,
        "diagnostics.max_latency": 0.01,
        "diagnostics.max_drop_ratio": 0.1,
    }
    assert of(limits).level == Level.ERROR
    limits["diagnostics.max_age"] = 10.0
    assert "latency" in of(limits).message
    limits["diagnostics.max_latency"] = 10.0
    assert of(limits, rate_in=0.2, rate_out=0.1, age=5.0).level == Level.OK
    assert of(limits, recently_dropped={"truncated_data": 10}).level == Level.WARN


def test_the_worst_comes_first():
    status = of(qos_incompatible={"/front/camera_info": "DURABILITY"}, age=3.0)

    assert status.level == Level.ERROR
    assert status.message.index("no image") < status.message.index("QoS")


def test_the_engine(checkpoints):
    engine = load_engine(str(checkpoints(46, 3)), "kitti", "cpu", (48, 64))
    settings = LIMITS | {"weights": "some.ckpt"}

    status = engine_status("active", settings, engine, "ab" * 32, [health(), health(rate_in=5.0)])

    assert (status.name, status.hardware_id, status.level, status.message) == ("engine", "cpu", Level.OK, "active")
    assert status.values == {
        "state": "active",
        "weights": "some.ckpt",
        "weights SHA-256": "ab" * 32,
        "device": "cpu",
        "images in (Hz)": "20.00",
        "images out (Hz)": "14.00",
        "domain": "kitti (6 classes)",
        "outputs": "segm, depth, normal",
        "runtime": "torch fp32",
        "network size": "64x48",
    }


def test_a_node_that_could_not_be_configured():
    complaint = Complaint(Level.ERROR, "cannot configure: no weights given")

    status = engine_status("unconfigured", LIMITS, None, "", [], [complaint])

    assert (status.level, status.message) == (Level.ERROR, "cannot configure: no weights given")
    assert status.values["state"] == "unconfigured"


def test_the_worker():
    fine = WorkerHealth(stall=None, restarts=0, stuck=0, device="cuda:0", batch_limit=None, fallen_back="", fatal="")
    assert [*worker_complaints(fine)] == []
    (stalled,) = worker_complaints(replace(fine, stall=Stall("network", 31.25), restarts=2))
    assert stalled.level == Level.ERROR
    assert "stage 'network' for 31.2 s and was restarted, 2 times" in stalled.text
    warnings = [*worker_complaints(replace(fine, stuck=1, fallen_back="CUDA is lost", batch_limit=2))]
    assert [warning.level for warning in warnings] == [Level.WARN] * 3
    assert "CUDA is lost" in warnings[1].text
    assert next(iter(worker_complaints(replace(fine, fatal="the device is lost")))).level == Level.ERROR
