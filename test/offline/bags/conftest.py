# SPDX-License-Identifier: Apache-2.0
"""The command on small recordings, and what is in the bags it writes."""

from __future__ import annotations

import pytest

pytest.importorskip("rosbags")

from typing import TYPE_CHECKING

from joint_perception.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def process(checkpoints, tmp_path):
    """Run the verb on a recording; the new bag's path."""

    def run(recording: Path, *options: str, out: str = "out", status: int = 0) -> Path:
        target = tmp_path / out
        arguments = ["bag", str(recording), "--out", str(target), "--weights", str(checkpoints(6)), "--device", "cpu"]
        assert main([*arguments, "--no-progress", *options]) == status
        return target

    return run
