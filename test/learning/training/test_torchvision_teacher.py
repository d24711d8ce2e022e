# SPDX-License-Identifier: Apache-2.0
"""A segmentation model of torchvision's as teacher."""

from __future__ import annotations

import argparse
import hashlib
import json

import cv2
import numpy as np
import pytest
import torch
from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights, lraspp_mobilenet_v3_large

from joint_perception.domains import DOMAINS
from joint_perception.learning import (
    augment,  # noqa: F401 (makes torchvision importable)
    torchvision_teacher,
)
from joint_perception.learning.datasets import DatasetError
from joint_perception.learning.torchvision_teacher import TorchvisionTeacher
from joint_perception.offline import distill_command

VOC_CHAIR, VOC_SOFA, VOC_CAT = 9, 18, 8


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights that answer chair, sofa or cat, all of them somewhere."""
    torch.manual_seed(5)
    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None)
    with torch.no_grad():
        for bias in (network.classifier.low_classifier.bias, network.classifier.high_classifier.bias):
            bias.fill_(-50.0)
            bias[[VOC_CHAIR, VOC_SOFA, VOC_CAT]] = 0.0
        for convolution in (network.classifier.low_classifier, network.classifier.high_classifier):
            convolution.weight.mul_(50.0)
    path = tmp_path_factory.mktemp("teacher") / "lraspp.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures" / "train"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for number in range(2):
        coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_NEAREST))
    return folder.parent


def distil(*words):
    parser = argparse.ArgumentParser()
    distill_command.add_parser(parser.add_subparsers())
    options = parser.parse_args(["distill", "--dataset", "folder", "--device", "cpu", *map(str, words)])
    return options.run(options)


def test_its_labels_are_torchvisions_own_in_the_ids_of_the_domain(weights, pictures, tmp_path):
    words = ["--root", pictures, "--domain", "nyud", "--weights", f"torchvision:lraspp_mobilenet_v3_large={weights}"]
    assert distil(*words, "--modality", "segm", "--out", tmp_path / "said") == 0

    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    names, seen = DOMAINS["nyud"].class_names, set()
    for number in range(2):
        image = cv2.imread(str(pictures / "train" / f"{number}.png"))[..., ::-1].copy()
        prepared = LRASPP_MobileNet_V3_Large_Weights.DEFAULT.transforms()(torch.from_numpy(image).permute(2, 0, 1))
        with torch.no_grad():
            logits = network(prepared[None])["out"]
        best = torch.nn.functional.interpolate(logits, (120, 160), mode="bilinear")[0].argmax(dim=0).numpy()
        said = cv2.imread(str(tmp_path / "said" / "train" / f"{number}.png.png"), cv2.IMREAD_UNCHANGED)
        expected = np.full(best.shape, 255, np.uint8)
        expected[best == VOC_CHAIR], expected[best == VOC_SOFA] = names.index("chair"), names.index("sofa")
        assert (said == expected).mean() > 0.999
        seen |= set(np.unique(said).tolist())
    assert seen == {names.index("chair"), names.index("sofa"), 255}
    assert json.loads((tmp_path / "said" / "distill.json").read_text())["teacher"] == (
        "torchvision:lraspp_mobilenet_v3_large"
    )


def test_it_knows_no_depth(weights, pictures, tmp_path):
    words = ["--root", pictures, "--domain", "kitti", "--weights", f"torchvision:lraspp_mobilenet_v3_large={weights}"]
    with pytest.raises(DatasetError, match="no head for depth, only for segm"):
        distil(*words, "--modality", "depth", "--out", tmp_path / "said")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision:resnet18", "no segmentation model 'resnet18'; it has .*lraspp_mobilenet_v3_large"),
        ("torchvision:fcn_resnet50={damaged}", "damaged.pth cannot be read"),
        ("torchvision:fcn_resnet50={weights}", "lraspp.pth is not of torchvision's fcn_resnet50"),
        ("torchvision:fcn_resnet50=nowhere.pth", "nowhere.pth cannot be read"),
    ],
)
def test_what_is_no_teacher_is_refused(weights, tmp_path, name, message):
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(b"no weights")
    with pytest.raises(DatasetError, match=message):
        TorchvisionTeacher(name.format(weights=weights, damaged=damaged), DOMAINS["nyud"], "cpu")


def test_published_weights_are_taken_from_torchs_cache_and_verified(weights, tmp_path, monkeypatch):
    name = "torchvision:lraspp_mobilenet_v3_large"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(DatasetError, match=r"not on this machine; bring them here with `curl .*https://") as caught:
        TorchvisionTeacher(name, DOMAINS["nyud"], "cpu")
    assert list(tmp_path.iterdir()) == [], "nothing was downloaded"

    published = tmp_path / "hub" / "checkpoints" / LRASPP_MobileNet_V3_Large_Weights.DEFAULT.url.rpartition("/")[2]
    assert str(published) in str(caught.value)
    published.parent.mkdir(parents=True)
    published.write_bytes(weights.read_bytes())
    with pytest.raises(DatasetError, match=r"is not what https://.* publishes: its SHA-256"):
        TorchvisionTeacher(name, DOMAINS["nyud"], "cpu")

    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    right = published.with_name(f"lraspp-{digest[:8]}.pth")
    published.rename(right)
    state = torchvision_teacher._read_published(right, "https://somewhere", "lraspp")
    assert state.keys() == torch.load(weights, weights_only=True).keys()
