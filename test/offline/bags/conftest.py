# SPDX-License-Identifier: Apache-2.0
"""The command on small recordings."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from joint_perception.cli import main
from joint_perception.offline import perception

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def _loaded(settings, load):
    return load(dict(settings))


@pytest.fixture
def one_engine(monkeypatch):
    """Load each network once for all tests: a second each time."""
    load = perception.load
    names = ("weights", "domain", "device", "network.width", "network.height", "runtime", "precision")
    monkeypatch.setattr(
        perception, "load", lambda settings: _loaded(tuple((name, settings[name]) for name in names), load)
    )


@pytest.fixture
def arguments(checkpoints):
    """The verb with a recording and a new bag."""

    def make(recording: Path, out: Path, *options: str) -> list[str]:
        weights = str(checkpoints(6))
        named = ["--out", str(out), "--weights", weights, "--device", "cpu", "--no-progress"]
        return ["bag", str(recording), *named, *options]

    return make


@pytest.fixture
def process(arguments, one_engine, tmp_path):
    """Run the verb on a recording; the new bag's path."""

    def run(recording: Path, *options: str, out: str = "out", status: int = 0) -> Path:
        assert main(arguments(recording, tmp_path / out, *options)) == status
        return tmp_path / out

    return run
