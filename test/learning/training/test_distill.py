# SPDX-License-Identifier: Apache-2.0
"""Distillation: what a teacher says is written once, and a network learns from it where it must."""

from __future__ import annotations

import argparse

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from joint_perception.domains import KITTI
from joint_perception.engine import Frame, load_engine
from joint_perception.learning.datasets import DATASETS, DatasetError, collate, network_input, open_dataset, to_example
from joint_perception.learning.losses import joint_loss
from joint_perception.learning.pseudo_labels import ATTRIBUTES
from joint_perception.learning.stream import open_stream
from joint_perception.network import JointNetwork
from joint_perception.offline import distill_command


def lively_network(seed, tasks=3):
    torch.manual_seed(seed)
    network = JointNetwork(6, tasks).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    with torch.no_grad():
        network.depth.bias.fill_(20.0)
    return network


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    state = lively_network(1).state_dict()
    save_file({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, path)
    return path


@pytest.fixture
def root(tmp_path, write_blocks):
    """Four images; two lack depth, one labels, one normals."""
    return write_blocks(tmp_path / "data", 4, [("depth", 1), ("depth", 3), ("labels", 2), ("normals", 0)])


@pytest.fixture
def distilled(tmp_path, root, teacher, capsys):
    """Runs the verb; gives its folder and what it printed."""

    def run(modality, *arguments, weights=teacher, folder="said"):
        parser = argparse.ArgumentParser()
        distill_command.add_parser(parser.add_subparsers())
        out = tmp_path / folder
        words = ["--dataset", "kitti", "--root", root, "--weights", weights, "--modality", modality, "--out", out,
                 "--device", "cpu", *arguments]  # fmt: skip
        options = parser.parse_args(["distill", *map(str, words)])
        assert options.run(options) == 0
        return out, capsys.readouterr().out

    return run


def said(teacher, root, index):
    engine = load_engine(str(teacher), "kitti", "cpu")
    return engine.predict([Frame(open_dataset("kitti", root, "train")[index].image)])[0]


def written(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_depth_of_the_images_that_lack_it(distilled, teacher, root):
    folder, printed = distilled("depth")
    assert written(folder) == ["train/image/1.png.png", "train/image/3.png.png"]
    assert "2 written" in printed
    assert "2 images have depth of their own" in printed
    prediction = said(teacher, root, 3)
    raw = cv2.imread(str(folder / "train/image/3.png.png"), cv2.IMREAD_UNCHANGED)
    none = ~np.isfinite(prediction.depth) | (prediction.labels == KITTI.class_names.index("sky"))
    assert 0 < none.mean() < 1
    np.testing.assert_array_equal(raw == 0, none)
    assert np.abs(raw[~none] / 256 - prediction.depth[~none]).max() <= 0.5 / 256 + 1e-4


def test_labels(distilled, teacher, root):
    folder, _ = distilled("segm")
    assert written(folder) == ["train/image/2.png.png"]
    ids = cv2.imread(str(folder / "train/image/2.png.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(ids, said(teacher, root, 2).labels)
    sure, _ = distilled("segm", "--min-confidence", 0.9, folder="sure")
    prediction = said(teacher, root, 2)
    expected = np.where(prediction.confidence < 0.9, 255, prediction.labels)
    assert 0 < (expected == 255).mean() < 1
    np.testing.assert_array_equal(cv2.imread(str(sure / "train/image/2.png.png"), cv2.IMREAD_UNCHANGED), expected)


def test_normals_are_read_as_the_data_sets_own(distilled, teacher, root, configure):
    folder, _ = distilled("normal")
    assert written(folder) == ["train/image/0.png.png"]
    source = open_stream(configure(root, data={"pseudo": {"normal": str(folder)}})[0]).sources[0]
    prediction, read = said(teacher, root, 0), source[0].normals
    known = prediction.labels != KITTI.class_names.index("sky")
    np.testing.assert_array_equal(np.isfinite(read[..., 0]), known)
    assert (read * prediction.normals).sum(-1)[known].min() > np.cos(np.radians(1))


def test_what_is_there_is_skipped_and_what_is_missing_made_up(distilled):
    folder, _ = distilled("depth")
    first = folder / "train/image/1.png.png"
    before = first.stat().st_mtime_ns
    (folder / "train/image/3.png.png").unlink()
    _, printed = distilled("depth")
    assert "1 written" in printed
    assert "1 were there already" in printed
    assert first.stat().st_mtime_ns == before
    assert len(written(folder)) == 2
    assert not list(folder.rglob(".*"))


def test_all_writes_what_is_annotated_too(distilled):
    folder, printed = distilled("depth", "--all")
    assert len(written(folder)) == 4
    assert "4 written" in printed
    folder, _ = distilled("depth", "--limit", 2, folder="two")
    assert written(folder) == ["train/image/1.png.png"]


def test_work_of_another_teacher_is_not_mixed_in(distilled, tmp_path, teacher):
    distilled("depth")
    other = tmp_path / "other.safetensors"
    save_file({k: v for k, v in lively_network(2).state_dict().items() if "num_batches" not in k}, other)
    with pytest.raises(DatasetError, match="work of another run: teacher_sha256"):
        distilled("depth", weights=other)
    with pytest.raises(DatasetError, match="work of another run: modality 'depth', not 'segm'"):
        distilled("segm")
    renamed = tmp_path / "renamed.safetensors"
    renamed.write_bytes(teacher.read_bytes())
    distilled("depth", weights=renamed)


def test_teacher_without_normals_is_refused(distilled, tmp_path):
    two = tmp_path / "two.safetensors"
    save_file({k: v for k, v in lively_network(2, 2).state_dict().items() if "num_batches" not in k}, two)
    with pytest.raises(DatasetError, match="no head for normal, only for segm, depth"):
        distilled("normal", weights=two)


def head_gradients(examples):
    network = lively_network(5)
    batch = collate(examples)
    joint_loss(network(network_input(batch.images)), batch.targets).total.backward()
    return {head: getattr(network, head).weight.grad for head in ("segm", "depth", "normal")}


def test_a_student_learns_depth_from_the_teacher_where_there_is_none(distilled, root, configure):
    folder, _ = distilled("depth")
    without = open_stream(configure(root)[0]).sources[0]
    taught = open_stream(configure(root, data={"pseudo": {"depth": str(folder)}})[0]).sources[0]
    indices = (1, 3)  # neither has depth
    alone = head_gradients([to_example(without[i], KITTI) for i in indices])
    assert alone["depth"].eq(0).all()
    assert alone["segm"].ne(0).any()
    gradients = head_gradients([to_example(taught[i], KITTI) for i in indices])
    torch.testing.assert_close(gradients["segm"], alone["segm"])

    # By hand: half the mean berHu loss against the file's metres.
    network = lively_network(5)
    batch = collate([to_example(without[i], KITTI) for i in indices])
    raw = [cv2.imread(str(folder / f"train/image/{i}.png.png"), cv2.IMREAD_UNCHANGED) for i in indices]
    metres = torch.from_numpy(np.stack(raw).astype(np.float64) / 256)
    depth = functional.interpolate(network(network_input(batch.images)).depth, (64, 64), mode="bilinear")[:, 0]
    error = (depth.clamp(min=0) - metres).abs()[metres > 0]
    c = 0.2 * error.max().detach()
    (0.5 * torch.where(error <= c, error, (error**2 + c**2) / (2 * c)).mean()).backward()
    expected = network.depth.weight.grad
    assert expected.abs().max() > 0
    torch.testing.assert_close(gradients["depth"], expected, rtol=1e-4, atol=1e-6 * expected.abs().max().item())


def test_command_offers_what_the_library_has():
    assert set(distill_command._DATASETS) == set(DATASETS)
    assert set(distill_command._MODALITIES) == set(ATTRIBUTES)
