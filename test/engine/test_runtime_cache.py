# SPDX-License-Identifier: Apache-2.0
"""A cache of compiled networks that cannot be written, is full or damaged: the same predictions without it."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from joint_perception.engine import Frame, load_engine
from joint_perception.engine.runtimes.cache import cache_directory

FRAME = Frame(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))


@pytest.fixture
def disk():
    """Lets no file of this process grow beyond so many bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "trouble", ["full", *(pytest.param(name, marks=pytest.mark.slow) for name in ("no folder", "damaged"))]
)
def test_openvino_does_without_its_cache(trouble, checkpoints, tmp_path, monkeypatch, disk):
    pytest.importorskip("openvino")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null" if trouble == "no folder" else str(tmp_path))
    weights = str(checkpoints(6))
    (wanted,) = load_engine(weights, device="cpu", runtime="torch").predict([FRAME])
    if trouble == "damaged":
        load_engine(weights, device="cpu", runtime="openvino").predict([FRAME])
        kept = [path for path in Path(cache_directory()).rglob("*") if path.is_file()]
        assert kept
        for path in kept:
            path.write_bytes(path.read_bytes()[:100])
    elif trouble == "full":
        disk(100_000)

    (got,) = load_engine(weights, device="cpu", runtime="openvino").predict([FRAME])

    np.testing.assert_allclose(got.depth, wanted.depth, rtol=1e-3, atol=1e-3)
    assert np.mean(got.labels != wanted.labels) < 0.01


REPLACED = """
import gc, signal, sys, torch
from joint_perception.engine.runtimes import open_runtime
from joint_perception.network import JointNetwork

network = JointNetwork(6, 2).eval()
pixels = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
first = open_runtime("openvino", network, torch.device("cpu"))
first(pixels)
second = open_runtime("openvino", network, torch.device("cpu"))
second(pixels)
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
signal.raise_signal(signal.SIGUSR1)
"""


def test_a_signal_finds_its_stack_after_engines_were_replaced(tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    done = subprocess.run([sys.executable, "-c", REPLACED], capture_output=True, text=True, timeout=100, check=False)

    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
