# SPDX-License-Identifier: Apache-2.0
"""The verb `experiment`: what it refuses, and the table without a training."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from joint_perception import cli
from joint_perception.offline import experiment_command
from joint_perception.offline.train_command import RootError
from joint_perception.strict_yaml import ConfigError

TINY = Path(__file__).parents[2] / "config" / "training" / "experiment" / "tiny.yaml"


@pytest.fixture
def command(tmp_path):
    def run(*arguments):
        parser = argparse.ArgumentParser()
        experiment_command.add_parser(parser.add_subparsers())
        options = parser.parse_args(["experiment", str(TINY), "--out", str(tmp_path / "out"), *map(str, arguments)])
        return options.run(options)

    return run


def test_verb_is_there(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["experiment", "--help"])
    assert end.value.code == 0
    assert "--table-only" in capsys.readouterr().out


def test_table_only_reads_what_is_there(command, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    line = {"world": "rooms", "arm": "masked", "share": 0.25, "seed": 0, "metrics": {"rooms/miou": 0.123}, "steps": 3,
            "seconds": 5, "measuring_seconds": 1.0, "protocol": {}, "settings": {}, "machine": {}}  # fmt: skip
    (tmp_path / "out" / "results.jsonl").write_text(json.dumps(line) + "\n")
    assert command("--table-only") == 0
    path = tmp_path / "out" / "table.md"
    assert capsys.readouterr().out == f"{path}\n"
    assert "| (c) one, all images, masked losses | 12.3 |" in path.read_text()
    assert [file.name for file in sorted((tmp_path / "out").iterdir())] == ["results.jsonl", "table.md"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--root", "camvid"), RootError, "--root is 'camvid'; write NAME=DIR"),
        (("--root", "camvit=here"), RootError, "only camvid has a folder"),
        (("--seeds", "0,a"), experiment_command.SeedsError, "--seeds is '0,a'; write numbers"),
        (("--seeds", "1,1"), ConfigError, "--seeds: seeds are"),
        (("--worlds", "moon"), ConfigError, "no world 'moon'; choose from rooms, streets"),
        (("--jobs", 0), ValueError, "jobs is 0; at least 1"),
    ],
)
def test_what_means_nothing_is_refused(command, tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        command(*arguments)
    assert not (tmp_path / "out").exists()
