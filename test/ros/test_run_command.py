# SPDX-License-Identifier: Apache-2.0
"""`joint_perception run`: which file it takes, and that its options reach the node."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix
from rcl_interfaces.srv import GetParameters
from ros_graph import Graph

from joint_perception.cli import main
from joint_perception.ros.run_command import ConfigurationError, find_config

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def share(tmp_path):
    """A share folder with two configurations."""
    folder = tmp_path / "share" / "config"
    folder.mkdir(parents=True)
    for name in ("nyud", "kitti"):
        (folder / f"{name}.yaml").touch()
    return folder.parent


def test_a_configuration_of_the_package_goes_by_its_name(share):
    assert find_config("kitti", share) == share / "config" / "kitti.yaml"


def test_any_file_goes_by_its_path(share, tmp_path, monkeypatch):
    own = tmp_path / "own.yaml"
    own.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert find_config(str(own), share) == own
    assert find_config("own.yaml", share).samefile(own)
    assert find_config("~/own.yaml", share) == own


def test_a_name_wins_over_a_file_that_happens_to_be_called_so(share, tmp_path, monkeypatch):
    (tmp_path / "kitti").touch()
    monkeypatch.chdir(tmp_path)

    assert find_config("kitti", share) == share / "config" / "kitti.yaml"


@pytest.mark.parametrize("name", ["foo", "kitti.yaml", "", ".", "/nowhere/at/all.yaml"])
def test_what_is_neither_is_told_what_there_is(share, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=r"is neither one of kitti, nyud nor a file") as caught:
        find_config(name, share)

    assert repr(name) in str(caught.value)


def test_the_command_line_tells_it_without_a_traceback(capfd):
    assert main(["run", "--config", "foo"]) == 1

    out, error = capfd.readouterr()
    assert error.startswith("error: configuration 'foo' is neither one of ")
    assert all(file.stem in error for file in CONFIG.glob("*.yaml"))
    assert error.count("\n") == 1
    assert out == ""


def test_an_unknown_option_is_the_parsers_business(capfd):
    with pytest.raises(SystemExit) as caught:
        main(["run", "--confg", "kitti"])

    assert caught.value.code == 2
    assert "--confg" in capfd.readouterr().err


@pytest.fixture
def run(tmp_path):
    """The command itself, in a process of its own; ended by Ctrl-C."""
    processes = []

    def start(*arguments: str) -> subprocess.Popen:
        executable = Path(get_package_prefix("joint_perception")) / "bin" / "joint_perception"
        log = (tmp_path / "run.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, str(executable), "run", *arguments], stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path
        )
        processes.append((process, log))
        return process

    yield start
    for process, log in processes:
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=20) == 0, (tmp_path / "run.log").read_text()
        finally:
            process.kill()
            process.wait()
            log.close()


def test_options_win_over_the_configuration_and_what_is_theirs_goes_to_ros(run):
    weights = "12.5 \N{GRINNING FACE}\"'\\: é"  # looks like a number, then like everything YAML trips over

    run(
        *("--config", "kitti", "--weights", weights, "--device", "cpu", "--image-topic", "/left/image"),
        *("--ros-args", "-r", "__ns:=/robot", "-p", "autostart:=false", "-p", "overlay.alpha:=0.25"),
    )

    graph = Graph("/robot/joint_perception")
    try:
        names = ["weights", "domain", "device", "image_topic", "autostart", "overlay.alpha", "points.excluded_classes"]
        answer = graph.call(GetParameters, "get_parameters", GetParameters.Request(names=names))
        assert graph.state() == "unconfigured"
    finally:
        graph.close()
    strings = [value.string_value for value in answer.values]
    assert strings[:4] == [weights, "kitti", "cpu", "/left/image"]
    assert answer.values[4].bool_value is False
    assert answer.values[5].double_value == 0.25
    assert list(answer.values[6].string_array_value) == ["sky"]
