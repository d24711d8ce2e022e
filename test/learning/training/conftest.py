# SPDX-License-Identifier: Apache-2.0
"""A data set that can be learnt in a few steps, and trainings of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from joint_perception.domains import KITTI
from joint_perception.learning.datasets import Sample, collate, to_example
from joint_perception.learning.training_config import load_config

SIZE = (64, 64)
RUN_VERB = Path(__file__).with_name("run_verb.py")


@pytest.fixture(autouse=True)
def single_thread():
    """Tests share the cores with others; and one thread adds up in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def blocks(seed):
    """(64, 64) image, labels, depth and normals of four squares that look like what they are."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(6)[:4]
    ids = np.kron(order.reshape(2, 2), np.ones((32, 32), int)).astype(np.uint8)
    image = np.array(KITTI.colors, np.uint8)[ids] // 2 + rng.integers(0, 40, (*SIZE, 3), dtype=np.uint8)
    depth = (2 + 3 * ids).astype(np.float32)
    angle = ids * np.pi / 8
    normals = np.stack([np.sin(angle), np.zeros(SIZE), -np.cos(angle)], -1).astype(np.float32)
    return image.astype(np.uint8), ids, depth, normals


@pytest.fixture
def write_blocks(layouts):
    """Writes such images in KITTI's layout; `lacking` says which file of which image is not there."""

    def write(root, count=4, lacking=(), split="train"):
        lines = []
        for i in range(count):
            image, ids, depth, normals = blocks(i)
            x, y, z = (normals[..., axis] for axis in range(3))
            encoded = np.rint(np.stack([x, z, -y], -1) * 127.5 + 127.5).astype(np.uint8)
            parts = {
                "image": image,
                "labels": np.array(KITTI.colors, np.uint8)[ids],
                "depth": (depth * 256).astype(np.uint16),
                "normals": encoded,
            }
            words = []
            for name, pixels in parts.items():
                if (name, i) in lacking:
                    words.append("-")
                else:
                    layouts.write(root / split / name / f"{i}.png", pixels)
                    words.append(f"{split}/{name}/{i}.png")
            lines.append(" ".join(words))
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
        return root

    return write


@pytest.fixture
def configure(tmp_path):
    """Writes a YAML file of a training of the data set in `root`, and reads it; keys as in the file."""

    def make(root, name="config.yaml", **keys):
        data = {"dataset": "kitti", "root": str(root), "images": 4, **keys.pop("data", {})}
        values = {
            "steps": 4,
            "network": {"classes": 6, "tasks": 3},
            "data": [data],
            "augmentation": {"size": list(SIZE), "scale": [0.8, 1.25]},
            "workers": 0,
            "log_every": 1,
            **keys,
        }
        path = tmp_path / name
        path.write_text(yaml.safe_dump(values))
        config = load_config(path)
        return config, path

    return make


@pytest.fixture
def batch():
    """Batches of such images by their seeds, without the modalities in `lacking`."""

    def make(seeds, lacking=()):
        examples = []
        for seed in seeds:
            image, labels, depth, normals = blocks(seed)
            annotations = {"segm": labels, "depth": depth, "normal": normals}
            present = [None if name in lacking else value for name, value in annotations.items()]
            examples.append(to_example(Sample(image, *present, str(seed)), KITTI))
        return collate(examples)

    return make


@pytest.fixture
def losses_of():
    """The losses in the log of a training, by step."""

    def read(folder):
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        return {line["step"]: line["loss"] for line in lines if line["kind"] == "train"}

    return read


@pytest.fixture
def start_verb():
    """Starts `joint_perception train` or `distill` in a process group of its own, which ends with the test."""
    started = []

    def start(*arguments, **variables):
        command = [sys.executable, str(RUN_VERB), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", **variables}
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
