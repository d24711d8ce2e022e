# SPDX-License-Identifier: Apache-2.0
"""Frames counted by what became of them, and complained of without a flood."""

from __future__ import annotations

import math
import threading

import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from joint_perception.ros import statistics as module
from joint_perception.ros.statistics import QUIET_CAUSES, Statistics


class Log:
    """A logger that keeps what it was told."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, text: str) -> None:
        self.errors.append(text)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""

    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def causes(message):
    return dict(zip(message.drop_causes, message.drop_counts, strict=True))


def test_before_any_frame_there_is_nothing_to_tell(log):
    message = Statistics(log).message()

    assert (message.frames_in, message.frames_out, message.frames_dropped) == (0, 0, 0)
    assert causes(message) == {}
    assert list(message.stages) == []
    assert math.isnan(message.latency_milliseconds)
    assert message.header == Header()


def test_frames_are_counted_by_what_became_of_them(log):
    statistics = Statistics(log)
    header = Header(stamp=Time(sec=7, nanosec=9), frame_id="optical")
    for _ in range(6):
        statistics.received()
    statistics.published(Header(), {"decode": 1.0}, 2.0)
    statistics.published(header, {"decode": 0.001, "network": 0.0205}, 0.05)
    statistics.dropped("superseded", "newer")
    statistics.dropped("superseded", "newer")
    statistics.dropped("truncated_data", "cut")

    message = statistics.message()

    assert statistics.frames_out == 2
    assert (message.frames_in, message.frames_out, message.frames_dropped) == (6, 2, 3)
    assert causes(message) == {"superseded": 2, "truncated_data": 1}
    assert message.header == header
    assert list(message.stages) == ["decode", "network"]
    assert list(message.stage_milliseconds) == pytest.approx([1.0, 20.5])
    assert message.latency_milliseconds == pytest.approx(50.0)


def test_the_stages_are_those_of_the_newest_frame(log):
    statistics = Statistics(log)
    statistics.published(Header(), {"network": 1.0, "cloud": 1.0}, 1.0)
    statistics.published(Header(), {"network": 0.5}, 0.25)

    message = statistics.message()

    assert list(message.stages) == ["network"]
    assert message.latency_milliseconds == 250.0


def test_a_message_stays_as_it_was(log):
    statistics = Statistics(log)
    seconds = {"network": 1.0}
    statistics.published(Header(), seconds, 1.0)
    message = statistics.message()

    seconds["network"] = 2.0
    statistics.dropped("truncated_data", "cut")

    assert list(message.stage_milliseconds) == [1000.0]
    assert message.frames_dropped == 0
    assert list(statistics.message().stage_milliseconds) == [1000.0]


def test_a_reset_begins_anew(log, clock):
    statistics = Statistics(log)
    statistics.received()
    statistics.published(Header(frame_id="optical"), {"network": 1.0}, 1.0)
    statistics.dropped("truncated_data", "cut")

    statistics.reset()

    message = statistics.message()
    assert (message.frames_in, message.frames_out, message.frames_dropped) == (0, 0, 0)
    assert (causes(message), list(message.stages), message.header) == ({}, [], Header())
    assert math.isnan(message.latency_milliseconds)
    statistics.dropped("truncated_data", "cut again")
    assert log.errors[-1] == "frame skipped, truncated_data: cut again"


def test_a_cause_is_complained_of_at_once_then_every_five_seconds_with_its_count(log, clock):
    statistics = Statistics(log)
    for tenth in range(121):  # 12 s at 10 Hz
        clock.now = 1000.0 + tenth / 10
        statistics.dropped("truncated_data", f"frame {tenth}")

    assert log.errors == [
        "frame skipped, truncated_data: frame 0",
        "frame skipped, truncated_data: frame 50 (50 frames since the last report)",
        "frame skipped, truncated_data: frame 100 (50 frames since the last report)",
    ]
    assert causes(statistics.message()) == {"truncated_data": 121}


def test_each_cause_has_a_voice_of_its_own(log, clock):
    statistics = Statistics(log)
    for cause in ("truncated_data", "wrong_step", "truncated_data"):
        statistics.dropped(cause, "why")

    assert log.errors == ["frame skipped, truncated_data: why", "frame skipped, wrong_step: why"]


@pytest.mark.parametrize("cause", QUIET_CAUSES)
def test_what_is_as_it_should_be_is_counted_in_silence(log, cause):
    statistics = Statistics(log)
    statistics.dropped(cause, "why")

    assert log.errors == []
    assert causes(statistics.message()) == {cause: 1}


def test_threads_lose_no_count(log):
    statistics = Statistics(log)

    def work() -> None:
        for _ in range(2000):
            statistics.received()
            statistics.dropped("superseded", "newer")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    message = statistics.message()
    assert (message.frames_in, message.frames_dropped) == (8000, 8000)


# --- health ----------------------------------------------------------------------------------------


def test_health_is_of_the_last_five_seconds(log, clock):
    statistics = Statistics(log)
    for i in range(100):  # ten a second, for ten seconds; every second one comes out, 30 ms old
        clock.now += 0.1
        statistics.received()
        if i % 2:
            statistics.published(Header(), {}, 0.03)
        else:
            statistics.dropped("superseded", "")
    clock.now += 0.05

    health = statistics.health()

    assert health.uptime == pytest.approx(10.05)
    assert health.window == 5.0
    assert health.rate_in == pytest.approx(10.0)
    assert health.rate_out == pytest.approx(5.0)
    assert health.age == pytest.approx(0.05)
    assert health.latencies == (0.03,) * 25
    assert (health.frames_in, health.frames_out) == (100, 50)
    assert health.dropped == {"superseded": 50}
    assert health.recently_dropped == {"superseded": 25}


def test_rates_are_right_from_the_beginning(log, clock):
    statistics = Statistics(log)
    for _ in range(20):
        clock.now += 0.1
        statistics.received()

    assert statistics.health().window == pytest.approx(2.0)
    assert statistics.health().rate_in == pytest.approx(10.0)


def test_before_the_first_image_there_is_no_age(log, clock):
    statistics = Statistics(log)
    clock.now += 3.0

    health = statistics.health()

    assert math.isnan(health.age)
    assert health.uptime == pytest.approx(3.0)
    assert (health.rate_in, health.rate_out, health.latencies) == (0.0, 0.0, ())


def test_an_unknown_latency_is_none(log, clock):
    statistics = Statistics(log)
    clock.now += 1.0
    statistics.published(Header(), {}, math.nan)

    assert statistics.health().latencies == ()
    assert statistics.health().rate_out == pytest.approx(1.0)


def test_however_fast_the_camera_what_is_kept_is_bounded(log, clock):
    statistics = Statistics(log)
    for _ in range(100_000):
        clock.now += 1e-4
        statistics.received()
        statistics.dropped("superseded", "")

    assert len(statistics._times_in) == len(statistics._times_dropped) == 600
    assert statistics.health().frames_in == 100_000
    assert statistics.health().rate_in == pytest.approx(10_000, rel=0.01)


def test_a_misfit_is_told_until_it_is_gone(log):
    statistics = Statistics(log)
    statistics.qos_incompatible("/a", "RELIABILITY")
    statistics.qos_incompatible("/b", "DURABILITY")
    statistics.reset()  # DDS tells of it once, whatever happens to the activation

    statistics.recheck_qos(lambda topic: topic == "/b")

    assert statistics.health().qos_incompatible == {"/b": "DURABILITY"}


def test_time_jumps_are_counted_from_activation(log):
    statistics = Statistics(log)
    statistics.time_jumped()
    statistics.time_jumped()
    assert statistics.health().time_jumps == 2
    statistics.reset()
    assert statistics.health().time_jumps == 0
