# SPDX-License-Identifier: Apache-2.0
"""demo.launch.py by the real `ros2 launch`, where there is one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        shutil.which("ros2") is None or find_spec("launch_ros") is None,
        reason="ros2 launch is not installed (it is not on PyPI)",
    ),
]


@pytest.fixture
def launch(tmp_path):
    """Run `ros2 launch` of our file to its end; its exit status and what it said."""

    def run(*arguments):
        log = tmp_path / "launch.log"
        command = ["ros2", "launch", "joint_perception", "demo.launch.py", *arguments]
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, cwd=tmp_path, env=os.environ, start_new_session=True
            )
        try:
            return process.wait(timeout=250), log.read_text()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)

    return run


@pytest.mark.skipif(find_spec("embreex") is None, reason="embreex is not installed")
def test_a_room_is_played_and_scored_and_then_everything_ends(launch, checkpoints, tmp_path):
    scores = tmp_path / "scores.json"

    status, said = launch(
        "world:=rooms", "seconds:=2", "rate:=3", f"weights:={checkpoints(46, 3)}", "device:=cpu", f"scores:={scores}"
    )

    assert status == 0, said
    assert said.count("process has finished cleanly") == 3, said
    assert "mIoU" in said
    got = json.loads(scores.read_text())
    assert 0 < got["frames"] <= 6
    assert got["frames"] + got["frames_unpaired"] == 6
    assert {"wall", "floor"} & got["iou"].keys(), "NYUD's classes"
    assert "t <= 10 m" in got["protocol"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [("world:=beach", ["'beach'", "streets or rooms"]), ("rviz:=maybe", ["'rviz'", "true or false"])],
)
def test_a_bad_argument_is_named(launch, argument, words):
    status, said = launch(argument)

    assert status != 0
    for word in words:
        assert word in said
