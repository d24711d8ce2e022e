# SPDX-License-Identifier: Apache-2.0
"""Evaluation: the command on tiny data sets against the figures worked out from the engine's predictions."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import confusion_matrix
from torch.nn import functional

from joint_perception.domains import KITTI, NYUD, DomainError, get_domain
from joint_perception.engine import Engine, EngineError, Frame, load_engine
from joint_perception.engine.preprocess import to_input
from joint_perception.learning.datasets import DATASETS, DatasetError, Sample, open_dataset
from joint_perception.learning.evaluate import CROPS, evaluate
from joint_perception.learning.metrics import MetricError
from joint_perception.network import JointNetwork
from joint_perception.offline import evaluate_command

SIZE = (40, 56)


def lively_network(classes, tasks=2):
    """A network whose labels and depths vary; some depths are beyond 80 m."""
    torch.manual_seed(0)
    network = JointNetwork(classes, tasks).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                torch.nn.init.kaiming_normal_(parameter)
        network.depth.bias.fill_(70.0)
        network.depth.weight.mul_(8)
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A checkpoint of six classes."""
    path = tmp_path_factory.mktemp("weights") / "six.safetensors"
    state = lively_network(6).state_dict()
    save_file({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, path)
    return str(path)


@pytest.fixture
def command(capsys):
    """Runs the verb; gives what it printed on stdout."""

    def run(*arguments):
        parser = argparse.ArgumentParser()
        evaluate_command.add_parser(parser.add_subparsers())
        options = parser.parse_args(["evaluate", *map(str, arguments), "--device", "cpu"])
        assert options.run(options) == 0
        return capsys.readouterr().out

    return run


def labels_by_hand(weights, dataset):
    engine = load_engine(weights, "kitti", "cpu")
    samples = list(dataset)
    predicted = np.stack([engine.predict([Frame(s.image)])[0].labels for s in samples])
    annotated = np.stack([s.labels for s in samples])
    counted = annotated != 255
    return confusion_matrix(annotated[counted], predicted[counted], labels=range(6))


def test_camvid_as_json(tmp_path, layouts, weights, command):
    root = layouts.write_camvid(tmp_path, size=SIZE)
    result = json.loads(
        command("--dataset", "camvid", "--root", root, "--split", "test", "--weights", weights, "--json")
    )
    confusion = labels_by_hand(weights, open_dataset("camvid", root, "test"))
    iou = np.diag(confusion) / (confusion.sum(0) + confusion.sum(1) - np.diag(confusion))
    assert (confusion.sum(0) > 0).sum() > 2  # else the figures would say little
    assert list(result["iou"]) == list(KITTI.class_names)
    assert list(result["iou"].values()) == pytest.approx(iou.tolist())
    assert result["miou"] == pytest.approx(iou.mean())
    assert result["pixel_accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
    for key in ("rmse", "rmse_log", "abs_rel", "sq_rel", "delta1", "delta2", "delta3", "normals"):
        assert result[key] is None, key
    assert result["images"] == 3
    assert result["weights"] == weights
    assert result["protocol"]["dataset"] == "camvid"
    assert result["protocol"]["crop"] == "none"
    assert "void ignored" in result["protocol"]["void"]
    assert "not the official 233" in result["protocol"]["note"]


def depth_by_hand(weights, dataset, cap=None, window=(slice(None), slice(None))):
    """The network's absolute depth at the image's size, whatever the domain's range; then the formulas."""
    engine = load_engine(weights, "kitti", "cpu")
    p, t = [], []
    for sample in dataset:
        with torch.inference_mode():
            depth = engine.network(to_input([sample.image], torch.device("cpu"))).depth
            depth = functional.interpolate(depth, sample.image.shape[:2], mode="bilinear")[0, 0].abs()
        p.append(depth.double().numpy()[window].ravel())
        t.append(sample.depth.astype(np.float64)[window].ravel())
    p, t = np.concatenate(p), np.concatenate(t)
    counted = np.isfinite(t) & (t <= (cap or math.inf))
    p, t = np.clip(p[counted], 1e-3, cap), t[counted]
    return p, t


@pytest.mark.parametrize(
    ("options", "cap", "window"),
    [
        ((), None, (slice(None), slice(None))),
        (("--cap", 40), 40.0, (slice(None), slice(None))),
        (("--crop", "garg", "--cap", 80), 80.0, (slice(16, 39), slice(2, 53))),
    ],
)
def test_kitti_depth_is_the_networks_own_at_any_depth(tmp_path, layouts, weights, command, options, cap, window):
    root = layouts.write_kitti(tmp_path, size=SIZE)
    result = json.loads(command("--dataset", "kitti", "--root", root, "--weights", weights, "--json", *options))
    p, t = depth_by_hand(weights, open_dataset("kitti", root, "test"), cap, window)
    if cap is None:
        assert (p > KITTI.depth_range[1]).mean() > 0.1  # predictions that the engine calls no measurement
    assert result["depth_coverage"] == 1
    assert result["rmse"] == pytest.approx(np.sqrt(np.mean((p - t) ** 2)), rel=1e-4)
    assert result["rmse_log"] == pytest.approx(np.sqrt(np.mean((np.log(p) - np.log(t)) ** 2)), rel=1e-4)
    assert result["abs_rel"] == pytest.approx(np.mean(abs(p - t) / t), rel=1e-4)
    assert result["sq_rel"] == pytest.approx(np.mean((p - t) ** 2 / t), rel=1e-4)
    for power in (1, 2, 3):
        share = np.mean(np.maximum(p / t, t / p) < 1.25**power)
        assert result[f"delta{power}"] == pytest.approx(share, abs=2e-3)
    assert result["miou"] is not None


def test_table_names_the_protocol_in_every_line(tmp_path, layouts, weights, command):
    root = layouts.write_kitti(tmp_path, size=SIZE)
    arguments = ("--dataset", "kitti", "--root", root, "--weights", weights, "--cap", 80, "--crop", "eigen")
    first, *lines = command(*arguments, "--limit", 1).splitlines()
    assert f"weights {weights} on kitti test" in first
    assert "the first 1 of 2 images" in first
    assert "resize: image as it is" in first
    for name, protocol in (
        ("mIoU", "void ignored"),
        ("IoU vegetation", "void ignored"),
        ("RMSE", "crop: eigen; cap: 0 < t <= 80 m"),
        ("RMSE log", "crop: eigen; cap: 0 < t <= 80 m"),
        ("delta < 1.25^3", "crop: eigen; cap: 0 < t <= 80 m"),
    ):
        (line,) = (text for text in lines if text.startswith(f"{name} "[:15]) and text.split("  ")[0].strip() == name)
        assert protocol in line
    assert all("pooled pixels; " in line for line in lines)


def test_batch_size_does_not_matter(tmp_path, layouts, weights, command):
    root = layouts.write_kitti(tmp_path, count=3, size=SIZE)
    layouts.write(root / "image" / "1.png", layouts.photo(5, (38, 60)))  # KITTI's images are not all of one size
    layouts.write(root / "labels" / "1.png", np.zeros((38, 60, 3), np.uint8))
    layouts.write(root / "depth" / "1.png", np.full((38, 60), 3000, np.uint16))
    arguments = ("--dataset", "kitti", "--root", root, "--weights", weights, "--json")
    one, many = (json.loads(command(*arguments, "--batch", n)) for n in (1, 8))
    assert one["pixel_accuracy"] == pytest.approx(many["pixel_accuracy"], abs=1e-3)
    assert one["rmse"] == pytest.approx(many["rmse"], rel=1e-5)
    assert one["protocol"] == many["protocol"]


@dataclass(frozen=True)
class Known:
    """A data set whose annotations are what the engine predicts, normals turned by ten degrees."""

    engine: Engine
    name: str = "known"
    split: str = "test"
    note: str = "made from predictions"

    @property
    def domain(self):
        return self.engine.domain

    def __len__(self):
        return 2

    def __getitem__(self, index):
        image = np.random.default_rng(index).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        p = self.engine.predict([Frame(image)])[0]
        turn = np.array([[1, 0, 0], [0, math.cos(math.radians(10)), -math.sin(math.radians(10))],
                         [0, math.sin(math.radians(10)), math.cos(math.radians(10))]])  # fmt: skip
        normals = (p.normals @ turn.T).astype(np.float32)
        # Turned about x: a normal along x would not turn. Those near the y-z plane do, by ten degrees.
        normals[np.abs(p.normals[..., 0]) > 0.02] = np.nan
        return Sample(image, p.labels, p.depth, normals, str(index))


def test_perfect_predictions_score_perfectly_and_turned_normals_by_their_angle():
    engine = Engine(lively_network(40, 3), NYUD, "cpu")
    result = evaluate(engine, Known(engine), weights="w", batch=1, progress=False).to_json()
    assert result["miou"] == 1
    present = [iou for iou in result["iou"].values() if iou is not None]
    assert 1 < len(present) < 40  # a class that is nowhere annotated is null
    assert set(present) == {1.0}
    assert f"{len(present)} of 40 classes" in result["protocol"]["void"]
    assert result["normals"]["mean"] == pytest.approx(10, abs=0.02)
    assert result["normals"]["median"] == pytest.approx(10, abs=0.02)
    assert result["normals"]["below_11_25"] == 1
    json.dumps(result, allow_nan=False)


def test_engine_keeps_its_domain():
    engine = Engine(lively_network(40, 3), NYUD, "cpu")
    evaluate(engine, Known(engine), weights="w", progress=False)
    assert engine.domain is NYUD


@pytest.mark.parametrize("domain", ["kitti", "nyud_kitti"])
def test_joint_head_is_measured_by_the_names_of_its_classes(tmp_path, layouts, domain):
    dataset = open_dataset("camvid", layouts.write_camvid(tmp_path, size=SIZE), "test")
    engine = Engine(lively_network(46), get_domain(domain, 46), "cpu")
    result = evaluate(engine, dataset, weights="w", progress=False).to_json()
    predicted = np.stack([engine.predict([Frame(s.image)])[0].labels for s in dataset])
    names = np.array(engine.domain.class_names)[predicted]
    annotated = np.stack([s.labels for s in dataset])
    for label, name in enumerate(KITTI.class_names):
        true, said = annotated == label, (names == name) & (annotated != 255)
        assert result["iou"][name] == pytest.approx((true & said).sum() / (true | said).sum())
    assert result["protocol"]["domain"] == domain


def test_domain_without_the_data_sets_classes_is_refused(tmp_path, layouts):
    dataset = open_dataset("camvid", layouts.write_camvid(tmp_path, size=SIZE), "test")
    engine = Engine(lively_network(46), NYUD, "cpu")
    with pytest.raises(DomainError, match="'nyud' lacks sky, building"):
        evaluate(engine, dataset, weights="w", progress=False)


def test_what_cannot_be_measured_is_refused(tmp_path, layouts, weights, command):
    camvid = layouts.write_camvid(tmp_path / "camvid", size=SIZE)
    start = ("--dataset", "camvid", "--weights", weights)
    with pytest.raises(DatasetError, match="SegNet"):
        command(*start)
    with pytest.raises(MetricError, match="'garg' is not used on data set 'camvid'"):
        command(*start, "--root", camvid, "--crop", "garg")
    with pytest.raises(MetricError, match="cap is -1"):
        command(*start, "--root", camvid, "--cap", -1)
    with pytest.raises(ValueError, match="batch is 0"):
        command(*start, "--root", camvid, "--batch", 0)
    with pytest.raises(EngineError, match="cuda:99"):
        load_engine(weights, None, "cuda:99")
    folder = open_dataset("folder", camvid / "test", "all")
    with pytest.raises(DatasetError, match="no annotations"):
        evaluate(load_engine(weights, None, "cpu"), folder, weights="w")


def test_bad_file_in_the_middle_is_named(tmp_path, layouts, weights, command):
    root = layouts.write_camvid(tmp_path, size=SIZE)
    layouts.write(root / "testannot" / "Seq_00001.png", np.full(SIZE, 77, np.uint8))
    with pytest.raises(DatasetError, match=r"Seq_00001\.png has id 77"):
        command("--dataset", "camvid", "--root", root, "--weights", weights)


def test_command_offers_what_the_library_has():
    assert {name for name in DATASETS if name != "folder"} == set(evaluate_command._DATASETS)
    assert set(CROPS) == set(evaluate_command._CROPS)


def test_real_camvid(real_camvid, weights, command):
    result = json.loads(
        command("--dataset", "camvid", "--root", real_camvid, "--weights", weights, "--limit", 2, "--json")
    )
    assert result["images"] == 2
    assert result["protocol"]["images"] == "the first 2 of 233 images"
    assert 0 <= result["miou"] < 0.5
