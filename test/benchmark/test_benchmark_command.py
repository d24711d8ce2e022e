# SPDX-License-Identifier: Apache-2.0
"""`joint_perception benchmark` as it is run, with less of everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import pytest

from joint_perception.cli import main

SIZES = ("96x64", "160x48")
# One thread each: threads of several networks that wait for each other crawl on a busy machine.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
PATIENCE_S = 240

pytestmark = pytest.mark.timeout(300)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "joint_perception.cli", "benchmark", *map(str, arguments)]


@pytest.fixture(scope="module")
def results(tmp_path_factory, image_files):
    """Of one run: peer and plain torch, end to end and outpaced."""
    folder = tmp_path_factory.mktemp("benchmark")
    arguments = ["--sizes", *SIZES, "--variants", "peer", "torch_fp32", "--parts", "end_to_end", "outpaced"]
    arguments += ["--rounds", 2, "--frames", 2, "--images", *image_files, "--json", folder / "results.json"]
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("median ms", "x peer", "CPU ms", "labels equal", *SIZES):
        assert word in done.stdout
    return folder / "results.json"


def test_latency_cpu_time_and_memory_of_each_variant_and_size(results):
    found = json.loads(results.read_text())["end_to_end"]

    assert set(found) == set(SIZES)
    for rows in found.values():
        assert set(rows) == {"peer", "torch_fp32"}
        for row in rows.values():
            assert row["count"] == 4
            assert row["lost"] == 0
            assert 0 < row["low_ms"] <= row["median_ms"] <= row["high_ms"]
            assert row["cpu_ms"] > 0
            assert row["memory_mb"] > 100, "a process with torch in it is larger"


def test_stages_and_the_rest_make_up_the_latency(results):
    found = json.loads(results.read_text())

    for size in SIZES:
        stages = found["stages"][size]["torch_fp32"]
        assert {"network", "publish", "rest"} <= set(stages)
        assert "peer" not in found["stages"][size]
        assert all(value >= 0 for value in stages.values())


def test_what_came_over_dds_is_what_plain_torch_says(results):
    """The peer resizes by another interpolation: it agrees, but not everywhere."""
    found = json.loads(results.read_text())["accuracy"]

    for size in SIZES:
        ours, peer = found[size]["torch_fp32"], found[size]["peer"]
        assert ours["label_agreement"] >= 0.999
        assert ours["depth_p99"] < 1e-3
        assert 0.85 < peer["label_agreement"] < 1
        assert peer["depth_median"] < 0.05


def test_a_camera_faster_than_the_engine_makes_nobody_wait_long(results):
    row = json.loads(results.read_text())["outpaced"]["torch_fp32"]

    assert row["sent"] > row["came"] > 0
    assert min(map(int, row["waited_for"])) <= 1


def test_results_are_shown_again_as_a_page_and_a_picture(results, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nafter\n")

    arguments = ["benchmark", "--read", str(results), "--markdown", str(page), "--plot", str(tmp_path / "plot.png")]
    assert main(arguments) == 0

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| peer |" in text
    assert "joint_perception benchmark --sizes 96x64" in text, "a figure without its command"
    assert min(cv2.imread(str(tmp_path / "plot.png")).shape[:2]) > 200


def test_a_page_without_marks_is_left_alone(results, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("words\n")

    assert main(["benchmark", "--read", str(results), "--markdown", str(page)]) == 1

    assert "<!-- benchmark -->" in capsys.readouterr().err
    assert page.read_text() == "words\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sizes", "640"], "WIDTHxHEIGHT"),
        (["--variants", "fastest"], "'fastest' is none of"),
        (["--read", "missing.json"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert main(["benchmark", *arguments]) == 1

    assert words in capsys.readouterr().err


def test_an_interrupt_leaves_what_was_measured(tmp_path, image_files):
    arguments = ["--sizes", "64x48", "--variants", "torch_fp32", "--parts", "end_to_end", "--rounds", 10000]
    arguments += ["--images", *image_files, "--json", "results.json"]
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    end = time.monotonic() + PATIENCE_S
    while "round 2" not in said and time.monotonic() < end:
        said += process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=60)[0]

    assert process.returncode == 130, said
    assert json.loads((tmp_path / "results.json").read_text())["end_to_end"]["64x48"]["torch_fp32"]["median_ms"] > 0
    assert "median ms" in said
