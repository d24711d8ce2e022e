# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002 (the doubles take what the real ones take)
"""A stuck worker: found, named, counted, replaced, and silent when it comes back. Real threads, no DDS."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from rclpy.logging import get_logger

from joint_perception.ros.statistics import Statistics
from joint_perception.ros.watchdog import AbandonedError, Progress, check_wanted
from joint_perception.ros.worker import Worker

WAIT_S = 20.0


def until(condition, what):
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"waited {WAIT_S} s for {what}"
        time.sleep(0.005)


class Channel:
    """What a worker needs of a camera: it hands a number through, and publishes it as OutputPublisher does."""

    def __init__(self, published):
        self.statistics = Statistics(get_logger("test_watchdog"))
        self.publisher = self
        self.camera = SimpleNamespace(decode=lambda pair: SimpleNamespace(frame=pair))
        self.published = published

    def wants_prediction(self):
        return True

    def wanted_of_engine(self):
        return set()

    def reading(self, engine, frame):
        return None

    def publish(self, frame, reading, prediction, stopwatch):
        with stopwatch.stage("publish"):
            check_wanted()
            self.published.append(prediction)

    def count(self, frame, stopwatch):
        self.statistics.published(None, stopwatch.seconds, 0.0)


class Engine:
    """Hands frames on, except for those that it hangs on until it is let go."""

    device = "cuda:0"

    def __init__(self, hangs_on=()):
        self.hangs_on, self.let_go = hangs_on, threading.Event()

    def predict(self, frames, stopwatch, readings, wanted):
        with stopwatch.stage("network"):
            if set(frames) & set(self.hangs_on):
                self.let_go.wait(WAIT_S)
        return frames


class Source:
    def __init__(self):
        self.pairs = {}

    def take(self):
        pairs, self.pairs = self.pairs, {}
        return pairs


@pytest.fixture
def rig():
    """A running worker, with its one camera and what it loaded."""
    published, loaded = [], []

    def load(device):
        time.sleep(rig.load_s)
        loaded.append(Engine(rig.hang_again))
        return loaded[-1]

    node = SimpleNamespace(
        context=SimpleNamespace(ok=lambda: True), get_logger=lambda: get_logger("test_watchdog"), cpu_fallback=False
    )
    channel, engine, source = Channel(published), Engine(hangs_on=[13, 14]), Source()
    worker = Worker(node, engine, [channel], load, lambda _: None)
    worker.start(source)

    def send(number):
        channel.statistics.received()
        source.pairs = {0: number}
        worker.notify()

    rig = SimpleNamespace(
        worker=worker,
        channel=channel,
        engine=engine,
        published=published,
        loaded=loaded,
        send=send,
        hang_again=(),
        load_s=0.0,
    )
    yield rig
    for one in (engine, *loaded):
        one.let_go.set()
    worker.stop()
    until(lambda: worker.health.stuck == 0, "the threads to end")


def counts(rig):
    health = rig.channel.statistics.health()
    return health.frames_in, health.frames_out, health.dropped


def watch_until_restarted(rig, restarts, max_stuck=3):
    until(lambda: rig.worker.watch(0.05, max_stuck) or rig.worker.health.restarts == restarts, "the watchdog")


def test_a_stuck_worker_is_named_counted_and_replaced_and_its_late_result_is_not_published(rig):
    rig.send(1)
    until(lambda: rig.published == [1], "a frame")
    assert rig.worker.watch(WAIT_S, 3) == ""
    assert rig.worker.health.stall is None

    rig.send(13)
    watch_until_restarted(rig, 1)
    health = rig.worker.health
    assert (health.stall.stage, health.stuck) == ("network", 1)
    assert health.stall.seconds > 0.05
    assert counts(rig)[2] == {"stalled": 1}

    rig.send(2)
    until(lambda: rig.published == [1, 2], "the next frame")
    assert len(rig.loaded) == 1, "it hung in the engine, which must be another one now"
    assert rig.worker.engine is rig.loaded[0]
    rig.engine.let_go.set()  # the first one comes back
    until(lambda: rig.worker.health.stuck == 0, "the abandoned thread to end")
    rig.send(3)
    until(lambda: rig.published == [1, 2, 3], "one more frame")
    assert counts(rig) == (4, 3, {"stalled": 1})


def test_what_comes_while_it_is_stuck_is_taken_by_the_next(rig):
    rig.send(13)
    until(lambda: rig.worker._progress.stall(0.0), "the worker to begin")
    rig.send(2)
    watch_until_restarted(rig, 1)
    until(lambda: rig.published == [2], "the frame that waited")


def test_loading_may_take_longer_than_a_frame(rig):
    rig.load_s = 0.25  # five times the timeout
    rig.send(13)
    watch_until_restarted(rig, 1)
    until(lambda: rig.worker.watch(0.05, 3) or rig.loaded, "the engine to be loaded anew")
    assert rig.worker.health.restarts == 1


def test_an_idle_worker_is_not_stuck(rig):
    rig.send(1)
    until(lambda: rig.published == [1], "a frame")
    until(lambda: rig.worker._progress._at is None, "the worker to rest")
    time.sleep(0.1)
    assert rig.worker.watch(0.05, 3) == ""
    assert rig.worker.health.restarts == 0


def test_zero_watches_nothing(rig):
    rig.send(13)
    time.sleep(0.1)
    assert rig.worker.watch(0.0, 3) == ""
    assert rig.worker.health.restarts == 0


def test_too_many_stuck_threads_are_the_end_of_the_process(rig):
    rig.hang_again = (14,)
    rig.send(13)
    watch_until_restarted(rig, 1, max_stuck=1)
    until(lambda: rig.loaded, "the engine to be loaded anew")
    rig.send(14)
    until(lambda: rig.worker.watch(0.05, 1), "the watchdog to give up")
    assert "'network'" in rig.worker.health.fatal
    assert "2 threads are stuck" in rig.worker.health.fatal
    assert counts(rig) == (2, 0, {"stalled": 2})


def test_deactivation_does_not_wait_for_ever(rig, monkeypatch):
    monkeypatch.setattr("joint_perception.ros.worker._STOP_S", 0.1)
    rig.send(13)
    until(lambda: rig.worker._progress.stall(0.0), "the worker to begin")
    assert rig.worker.stop() is False
    assert counts(rig)[2] == {"stalled": 1}
    assert rig.published == []


def test_nobody_but_the_abandoned_thread_is_ended():
    progress = Progress()
    progress.take(["front", "rear"])
    progress.settle("front")
    assert progress.abandon() == ["rear"]
    check_wanted()  # this thread never was bound to it
    for call in (progress.check, progress.rest, lambda: progress.enter("x"), lambda: progress.settle("rear")):
        with pytest.raises(AbandonedError):
            call()
    assert progress.stall(0.0) is None
