# SPDX-License-Identifier: Apache-2.0
"""Out of memory and a lost device: fewer frames at once, then the CPU, always with the right predictions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from joint_perception.domains import KITTI
from joint_perception.engine import Backoff, DeviceLostError, Engine, Frame, OutOfMemoryError
from joint_perception.engine import backoff as module
from joint_perception.engine.backoff import is_device_lost, is_out_of_memory
from joint_perception.engine.frame import EVERYTHING
from joint_perception.network import load_network

LOST = "CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported"


class Scarce:
    """A real engine that claims to be on a GPU, which has memory for so many frames, or is lost."""

    device = torch.device("cuda", 0)

    def __init__(self, engine, room):
        self.engine, self.room, self.lost, self.batches = engine, room, False, []

    def predict(self, frames, stopwatch=None, readings=None, wanted=EVERYTHING):
        self.batches.append(len(frames))
        if self.lost:
            raise RuntimeError(LOST)
        if len(frames) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.engine.predict(frames, stopwatch, readings, wanted)


@pytest.fixture(scope="module")
def plain(checkpoints):
    return Engine(load_network(checkpoints(6)), KITTI, "cpu")


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    return [Frame(rng.integers(0, 256, (64, 96, 3), np.uint8)) for _ in range(5)]


@pytest.fixture
def said():
    return []


def assert_same(got, wanted):
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one.depth, other.depth, rtol=1e-4, atol=1e-4)
        assert np.mean(one.labels != other.labels) < 0.01  # ties, summed in another order


def test_fewer_at_once_give_the_same_predictions_in_the_same_order(plain, frames, said):
    scarce = Scarce(plain, 2)
    backoff = Backoff(scarce, None, said.append)

    assert_same(backoff.predict(frames), plain.predict(frames))

    assert scarce.batches == [5, 2, 2, 1]
    assert "no memory for 5 frames at once" in said[0]
    assert "2.00 GiB" in said[0]
    assert backoff.limit == 2
    backoff.predict(frames)
    assert scarce.batches[4:] == [2, 2, 1], "it must not run into the same wall with each frame"
    assert len(said) == 1


def test_readings_stay_with_their_frames(plain, frames):
    from joint_perception.engine import Reading  # noqa: PLC0415

    readings = [Reading(KITTI, depth_scale=scale) for scale in (0.5, 1.0, 2.0, 3.0, 4.0)]
    got = Backoff(Scarce(plain, 1), None, print).predict(frames, None, readings)
    assert_same(got, plain.predict(frames, None, readings))


def test_more_at_once_are_tried_again_later(plain, frames, said, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_AFTER", 3)
    scarce = Scarce(plain, 2)
    backoff = Backoff(scarce, None, said.append)
    backoff.predict(frames)
    scarce.room = 5
    for _ in range(8):
        backoff.predict(frames)
    assert backoff.limit is None
    assert scarce.batches[-1] == 5
    assert "tried again" in said[-1]


def test_one_frame_too_many_goes_to_the_cpu(plain, frames, said):
    backoff = Backoff(Scarce(plain, 0), lambda: plain, said.append)
    assert_same(backoff.predict(frames), plain.predict(frames))
    assert backoff.engine is plain
    assert "no memory for one frame" in backoff.fallen_back
    assert "CPU takes over" in said[-1]


def test_a_lost_device_gives_way_to_the_cpu_at_once(plain, frames, said):
    scarce = Scarce(plain, 5)
    backoff = Backoff(scarce, lambda: plain, said.append)
    backoff.predict(frames[:1])
    scarce.lost = True
    assert_same(backoff.predict(frames), plain.predict(frames))
    assert scarce.batches == [1, 5]
    assert "cuda:0 is lost (CUDA error: unspecified launch failure)" in said[0]


@pytest.mark.parametrize(
    ("lost", "error", "words"),
    [
        (True, DeviceLostError, ["cuda:0 is lost", "start the process anew", "cpu_fallback"]),
        (False, OutOfMemoryError, ["no memory for one frame", "network.width", "cpu_fallback"]),
    ],
)
def test_where_the_cpu_may_not_take_over_the_error_says_what_to_do(plain, frames, lost, error, words):
    scarce = Scarce(plain, 0)
    scarce.lost = lost
    with pytest.raises(error) as caught:
        Backoff(scarce, None, print).predict(frames)
    assert all(word in str(caught.value) for word in words)


def test_any_other_error_goes_through_and_changes_nothing(plain, frames, monkeypatch):
    scarce = Scarce(plain, 5)
    backoff = Backoff(scarce, lambda: plain, print)
    monkeypatch.setattr(scarce, "predict", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes"):
        backoff.predict(frames)
    assert backoff.engine is scarce


def test_how_torch_words_it_on_this_machine():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)  # a petabyte
    assert is_out_of_memory(caught.value)
    assert not is_device_lost(caught.value)
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert not is_device_lost(RuntimeError("CUDA error: out of memory"))
    assert is_device_lost(RuntimeError(LOST))
    assert not is_device_lost(ValueError(LOST))
