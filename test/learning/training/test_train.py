# SPDX-License-Identifier: Apache-2.0
"""Trainings from beginning to end: resumed, interrupted, spread over processes."""

from __future__ import annotations

import argparse
import os
import random
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from joint_perception.learning.checkpointing import StateError, load_state, read_record
from joint_perception.learning.datasets import DatasetError
from joint_perception.learning.learner import TrainingError
from joint_perception.learning.train import train
from joint_perception.network import load_network
from joint_perception.offline import train_command
from joint_perception.strict_yaml import ConfigError


def differences(a, b, path=""):
    """Where two nested values differ in a single bit."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        return [d for key in a for d in differences(a[key], b[key], f"{path}.{key}")]
    if isinstance(a, list | tuple):
        assert len(a) == len(b), path
        return [d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{path}[{i}]")]
    same = torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    return [] if same else [path]


def state_of(folder):
    state = load_state(folder / "state.pt")
    assert state.pop("seconds") > 0
    return state


@pytest.fixture
def config(tmp_path, write_blocks, configure):
    """Four steps on six images, some of which lack something, measured on the way."""
    lacking = [("labels", 1), ("depth", 3), ("normals", 4)]
    root = write_blocks(tmp_path / "data", 6, lacking)
    write_blocks(tmp_path / "data", 2, split="val")
    sets = [{"dataset": "kitti", "root": str(root)}]
    return configure(root, validation={"sets": sets, "first": 1, "every": 2}, average=0.9)[0]


def test_resumed_is_uninterrupted_bit_for_bit(config, tmp_path, losses_of):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(config, whole, device="cpu", progress=False).step == 4
    for _ in range(3):  # a step each, loaded by a process of its own each other time
        outcome = train(
            replace(config, workers=(_ % 2)), parts, device="cpu", resume=_ > 0, max_minutes=0, progress=False
        )
        assert (outcome.step, outcome.steps, outcome.signal) == (_ + 1, 4, None)
        torch.rand(3)
        np.random.rand(3)  # noqa: NPY002 (that the state of the generators comes from the file)
    outcome = train(config, parts, device="cpu", resume=True, progress=False)
    a, b = state_of(whole), state_of(parts)
    del a["config"], b["config"]
    assert differences(a, b) == []
    assert outcome.best == a["best"] > 0
    assert losses_of(whole) == losses_of(parts)
    assert sorted(losses_of(whole)) == [1, 2, 3, 4]
    network, other = load_network(whole / "last.safetensors"), load_network(parts / "last.safetensors")
    assert differences(network.state_dict(), other.state_dict()) == []


def test_weights_tell_how_they_came_about(config, tmp_path):
    train(config, tmp_path / "run", device="cpu", progress=False)
    record = read_record(tmp_path / "run" / "best.safetensors")
    assert record["config"]["optimiser"]["learning_rate"] == config.optimiser.learning_rate
    assert record["data"][0]["dataset"] == "kitti"
    assert record["data"][0]["samples"] == 6
    assert record["images"] == record["step"] * 4
    assert 0 < record["scores"]["score"] <= 1
    assert record["versions"]["torch"] == torch.__version__
    assert record["seconds"] >= 0
    assert str(tmp_path) not in str(record)
    shown = list((tmp_path / "run" / "pictures").iterdir())
    assert sorted(path.name for path in shown) == [f"kitti_val_{step:07d}.png" for step in (1, 2, 4)]
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]


def test_tensorboard_gets_curves_and_pictures(config, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    train(replace(config, tensorboard=True), tmp_path / "run", device="cpu", progress=False)
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("train/loss")] == [1, 2, 3, 4]
    assert [event.step for event in board.Scalars("validation/kitti/val/miou")] == [1, 2, 4]
    assert [event.step for event in board.Images("kitti/val")] == [1, 2, 4]


def test_training_is_not_overwritten_nor_resumed_from_nothing(config, tmp_path):
    with pytest.raises(StateError, match=r"no .*state\.pt to resume from"):
        train(config, tmp_path / "run", device="cpu", resume=True, progress=False)
    train(config, tmp_path / "run", device="cpu", max_minutes=0, progress=False)
    with pytest.raises(TrainingError, match="holds a training already; --resume"):
        train(config, tmp_path / "run", device="cpu", progress=False)
    with pytest.raises(ConfigError, match="seed was 0 and is 1"):
        train(replace(config, seed=1), tmp_path / "run", device="cpu", resume=True, progress=False)
    state = tmp_path / "run" / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(StateError, match="cannot be read"):
        train(config, tmp_path / "run", device="cpu", resume=True, progress=False)


def test_bad_image_is_named(config, tmp_path):
    (tmp_path / "data" / "train" / "labels" / "0.png").write_bytes(b"nonsense")
    with pytest.raises(DatasetError, match=r"0\.png cannot be decoded"):
        train(config, tmp_path / "run", device="cpu", progress=False)


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_state_that_goes_on(tmp_path, write_blocks, configure, start_verb, losses_of, number):
    root = write_blocks(tmp_path / "data", 4)
    config, path = configure(root, steps=10_000, workers=1)
    run = tmp_path / "run"
    process = start_verb("train", path, "--out", run, "--device", "cpu")
    wait_for(lambda: (run / "log.jsonl").is_file() and len(losses_of(run)) > 1, process)
    os.killpg(process.pid, number)  # as a terminal does: the loading process gets it too
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number, output
    assert "Traceback" not in output
    done = load_state(run / "state.pt")["step"]
    assert f"stopped after step {done} of 10000" in output
    assert done == max(losses_of(run)) >= 2
    outcome = train(config, run, device="cpu", resume=True, max_minutes=0, progress=False)
    assert outcome.step == done + 1


def test_signals_are_given_back(tmp_path, write_blocks, configure, losses_of):
    root = write_blocks(tmp_path / "data", 4)
    config, _ = configure(root, steps=10_000)
    before = signal.getsignal(signal.SIGTERM)

    def terminate():
        wait_for(lambda: (tmp_path / "run" / "log.jsonl").is_file() and losses_of(tmp_path / "run"), None)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate)
    thread.start()
    outcome = train(config, tmp_path / "run", device="cpu", progress=False)
    thread.join()
    assert outcome.signal == signal.SIGTERM
    assert 1 <= outcome.step == load_state(tmp_path / "run" / "state.pt")["step"] < 10_000
    assert signal.getsignal(signal.SIGTERM) == before


def test_two_processes_are_one(tmp_path, write_blocks, configure, start_verb, losses_of):
    """The same losses and weights from the same global batch, although the two halves are annotated unevenly."""
    lacking = [("labels", 0), ("labels", 2), ("depth", 1), ("normals", 3)]
    root = write_blocks(tmp_path / "data", 5, lacking)
    # Statistics of batch normalisation are not shared on the CPU. SGD: Adam turns rounding near zero into steps.
    config, path = configure(
        root,
        steps=6,
        network={"classes": 6, "tasks": 3, "freeze_batch_norm": True},
        optimiser={"kind": "sgd", "learning_rate": 1e-3, "clip": 1.0},
    )
    # Below those that the system gives away: one that it gave us and took back may go to another test's connection.
    port = random.SystemRandom().randrange(20_000, 32_000)
    # Without the interface gloo looks the host's name up, which takes long where no name server answers.
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    both = [
        start_verb(
            "train", path, "--out", tmp_path / "two", "--device", "cpu", RANK=str(rank), LOCAL_RANK=str(rank), **shared
        )
        for rank in range(2)
    ]
    train(config, tmp_path / "one", device="cpu", progress=False)
    for process in both:
        output, _ = process.communicate(timeout=100)
        assert process.returncode == 0, output
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert list(one) == list(two) == [1, 2, 3, 4, 5, 6]
    assert list(two.values()) == pytest.approx(list(one.values()), rel=1e-4)
    a, b = state_of(tmp_path / "one")["network"], state_of(tmp_path / "two")["network"]
    for name, tensor in a.items():
        torch.testing.assert_close(b[name], tensor, rtol=1e-3, atol=1e-5, msg=name)
    assert read_record(tmp_path / "two" / "last.safetensors")["processes"] == 2


def test_command_refuses_what_is_no_root(tmp_path, write_blocks, configure):
    _, path = configure(write_blocks(tmp_path / "data", 4))
    parser = argparse.ArgumentParser()
    train_command.add_parser(parser.add_subparsers())
    words = ["train", path, "--out", tmp_path / "run", "--root"]
    options = parser.parse_args([*map(str, words), "camvid"])
    with pytest.raises(train_command.RootError, match="--root is 'camvid'; write NAME=DIR"):
        options.run(options)
    options = parser.parse_args([*map(str, words), "camvid=x"])
    with pytest.raises(ConfigError, match="a root is given for camvid"):
        options.run(options)
    assert not (tmp_path / "run").exists()
