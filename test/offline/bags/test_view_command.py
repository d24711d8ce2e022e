# SPDX-License-Identifier: Apache-2.0
"""`joint_perception view`: what Rerun's own tools find in the file that is saved."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import pytest
from recordings import drive, picture, write_bag

from joint_perception.cli import main

if TYPE_CHECKING:
    from pathlib import Path

FRAME = "/world/camera_optical_frame"


def entities(file: Path) -> str:
    """What `rerun rrd` says of a file, once it has verified it."""
    pytest.importorskip("rerun")
    tool = [sys.executable, "-m", "rerun", "rrd"]
    verified = subprocess.run([*tool, "verify", str(file)], capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    return subprocess.run([*tool, "print", str(file)], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("images", ["raw", "compressed"])
def test_a_bag_shows_image_labels_depth_points_and_camera(images, process, tmp_path, capsys):
    pytest.importorskip("rerun")
    out, file = process(write_bag(tmp_path / "in", drive(2)), "--images", images), tmp_path / "out.rrd"

    assert main(["view", str(out), "--save", str(file)]) == 0

    told = entities(file)
    assert "6 outputs of camera_optical_frame" in capsys.readouterr().out
    for name in ("", "/camera", "/camera/image", "/camera/label", "/camera/depth", "/points"):
        assert f"{FRAME}{name}" in told


def test_results_of_infer_are_shown_too(checkpoints, tmp_path):
    pytest.importorskip("rerun")
    cv2.imwrite(str(tmp_path / "street.png"), picture(0))
    weights = ["--weights", str(checkpoints(6)), "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main(["infer", str(tmp_path / "street.png"), *weights]) == 0

    assert main(["view", str(tmp_path / "out"), "--save", str(tmp_path / "out.rrd")]) == 0

    told = entities(tmp_path / "out.rrd")
    assert "/world/street/points" in told
    assert "/world/street/camera/label" in told


def test_a_bag_without_outputs_is_refused(tmp_path, capsys):
    pytest.importorskip("rerun")
    bag = write_bag(tmp_path / "in", drive(1))

    assert main(["view", str(bag), "--save", str(tmp_path / "out.rrd")]) == 1
    assert "has no outputs of /joint_perception" in capsys.readouterr().err


def test_without_rerun_the_error_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "rerun", None)

    assert main(["view", str(tmp_path)]) == 1
    assert "pip install rerun-sdk" in capsys.readouterr().err
