# SPDX-License-Identifier: Apache-2.0
"""calibrate-confidence, robustness and evaluate --degrade, on tiny data sets and weights that are surer than right."""

from __future__ import annotations

import argparse
import json

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from joint_perception.domains import KITTI
from joint_perception.engine import Frame, load_engine
from joint_perception.learning.calibrate import fit_temperatures, spread
from joint_perception.learning.datasets import DatasetError, Sample, open_dataset
from joint_perception.learning.robustness import Kept
from joint_perception.network import JointNetwork, load_network
from joint_perception.network.temperatures import read_temperatures
from joint_perception.offline import calibrate_confidence_command, evaluate_command, robustness_command

SIZE = (40, 56)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A checkpoint of both domains, which knows nothing and is sure of it."""
    torch.manual_seed(1)
    network = JointNetwork(46, 3).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                torch.nn.init.kaiming_normal_(parameter)
        network.depth.bias.fill_(5.0)
    path = tmp_path_factory.mktemp("weights") / "both.safetensors"
    save_file({k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}, path)
    return path


@pytest.fixture
def command(capsys):
    """Runs a verb; gives what it printed on stdout."""

    def run(module, *arguments):
        parser = argparse.ArgumentParser()
        module.add_parser(parser.add_subparsers())
        verb = module.__name__.rpartition(".")[2].removesuffix("_command").replace("_", "-")
        options = parser.parse_args([verb, *map(str, arguments), "--device", "cpu"])
        assert options.run(options) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def camvid(tmp_path, layouts):
    return layouts.write_camvid(tmp_path / "camvid", size=SIZE)


def test_weights_are_calibrated_for_each_domain_and_for_the_whole_head(weights, camvid, tmp_path, command):
    out = tmp_path / "calibrated.safetensors"
    said = command(
        *(calibrate_confidence_command, "--weights", weights, "--dataset", "camvid", "--root", f"camvid={camvid}"),
        *("--split", "test", "--out", out),
    )

    temperatures = read_temperatures(out)
    assert set(temperatures) == {"kitti", "nyud_kitti"}
    assert temperatures["kitti"] > 1.5, "labels have nothing to do with these logits"
    assert "kitti" in said
    assert "sha256" in said
    assert f"{temperatures['kitti']:.3f}" in said

    # On the very images it was fitted to, all of whose pixels are drawn, the engine is hardly surer than right.
    dataset = open_dataset("camvid", camvid, "test")
    gaps = {}
    for path in (weights, out):
        engine = load_engine(str(path), "kitti", "cpu")
        sure, right = [], []
        for sample in (dataset[i] for i in range(len(dataset))):
            prediction = engine.predict([Frame(sample.image)])[0]
            counted = sample.labels != 255
            sure.append(prediction.confidence[counted])
            right.append(prediction.labels[counted] == sample.labels[counted])
        gaps[path] = np.concatenate(sure).mean() - np.concatenate(right).mean()
    assert gaps[weights] > 0.2
    assert abs(gaps[out]) < gaps[weights] / 3


def test_a_second_calibration_starts_from_the_logits_again(weights, camvid, tmp_path):
    dataset = open_dataset("camvid", camvid, "test")
    first, again = (
        {fit.domain: fit.temperature for fit in fit_temperatures(load_network(weights), [dataset], progress=False)}
        for _ in range(2)
    )
    assert first == again


def test_what_has_no_labels_cannot_calibrate(weights, tmp_path):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((40, 56, 3), np.uint8))
    with pytest.raises(DatasetError, match="no labels to calibrate by"):
        fit_temperatures(load_network(weights), [open_dataset("folder", tmp_path, "images")], progress=False)


def test_robustness_leaves_table_figures_and_pictures(weights, camvid, tmp_path, command):
    out, calibrated = tmp_path / "out", tmp_path / "calibrated.safetensors"
    where = ("--dataset", "camvid", "--root", f"camvid={camvid}", "--split", "test")
    command(calibrate_confidence_command, "--weights", weights, *where, "--out", calibrated)
    said = command(
        *(robustness_command, "--weights", calibrated, *where, "--limit", 2, "--out", out),
        *("--degrade", "noise:60", "--degrade", "rolling_crop", "--no-progress"),
    )

    rows = json.loads((out / "robustness.json").read_text())
    assert [row["degradation"] for row in rows] == ["uncalibrated", "clean", "noise:60", "rolling_crop:0.5"]
    assert rows[0]["ece"] > rows[1]["ece"]
    assert (rows[0]["miou"], rows[0]["temperature"]) == (rows[1]["miou"], 1.0), "labels do not change"
    assert rows[1]["images"] == 2
    assert rows[1]["mean_confidence"] == pytest.approx(
        sum(b["pixels"] * b["confidence"] for b in rows[1]["bins"]) / sum(b["pixels"] for b in rows[1]["bins"])
    )
    assert "degraded: noise:60" in rows[2]["protocol"]["note"]
    assert (out / "robustness.md").read_text() == said
    assert [line.split("|")[2].strip() for line in said.splitlines()[2:]] == [row["degradation"] for row in rows]
    for picture in ("reliability.png", "examples_camvid.png"):
        pixels = cv2.imread(str(out / picture))
        assert pixels is not None
        assert pixels.std() > 5


def test_evaluate_degrades(weights, camvid, command):
    arguments = ("--dataset", "camvid", "--root", camvid, "--split", "test", "--weights", weights, "--json")
    clean, noisy, same = (
        json.loads(command(evaluate_command, *arguments, *more))
        for more in ((), ("--degrade", "noise:100"), ("--degrade", "noise:0"))
    )
    assert noisy["iou"] != clean["iou"]
    assert "degraded: noise:100" in noisy["protocol"]["note"]
    assert same["iou"] == clean["iou"]
    assert 0 <= clean["ece"] <= 1
    table = command(evaluate_command, *arguments[:-1])
    assert "ECE" in table
    assert "mean confidence" in table


def test_kept_samples_are_spread_and_read_once():
    asked = []

    class Numbers:
        name, split, domain, note = "rooms", "test", KITTI, "numbers"

        def __len__(self):
            return 10

        def __getitem__(self, index):
            asked.append(index)
            return Sample(np.zeros((1, 1, 3), np.uint8), None, None, None, str(index))

    kept = Kept(Numbers(), 4)
    names = [kept[i].name for _ in range(2) for i in range(len(kept))]

    assert asked == [0, 2, 5, 7]
    assert names == ["0", "2", "5", "7"] * 2
    assert kept.note == "numbers; 4 images spread over its 10"
    assert spread(3, None) == spread(3, 8) == [0, 1, 2]


@pytest.mark.parametrize("module", [calibrate_confidence_command, robustness_command])
def test_no_images_are_refused(module, weights, tmp_path):
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers())
    verb = "robustness" if module is robustness_command else "calibrate-confidence"
    options = parser.parse_args(
        [verb, "--weights", str(weights), "--dataset", "rooms", "--limit", "0", "--out", str(tmp_path / "x")]
    )
    with pytest.raises(ValueError, match="--limit is 0"):
        options.run(options)
