# SPDX-License-Identifier: Apache-2.0
"""What an engine accepts, what it refuses and in what words, and what it leaves in the stopwatch."""

from __future__ import annotations

import pytest
import torch
from formula_checkpoint import formula_image, write_formula_checkpoint

from joint_perception.domains import KITTI, NYUD, DomainError, get_domain
from joint_perception.engine import Engine, EngineError, Frame, Stopwatch, load_engine
from joint_perception.engine.devices import select_device
from joint_perception.network import CheckpointError, JointNetwork, WeightsError


@pytest.fixture
def without_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("without_cuda")
def test_devices_without_cuda():
    assert select_device("auto") == select_device("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("without_cuda")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_an_absent_device_is_named_with_the_remedy(name):
    with pytest.raises(EngineError) as caught:
        select_device(name)

    for part in (repr(name), "0 CUDA devices", torch.__version__, "auto or cpu", "NVIDIA driver"):
        assert part in str(caught.value)


def test_devices_with_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    assert select_device("auto") == select_device("cuda") == torch.device("cuda", 0)
    assert select_device("cuda:1") == torch.device("cuda", 1)
    assert select_device("cpu") == torch.device("cpu")
    with pytest.raises(EngineError, match=r"'cuda:2'.*sees 2 CUDA devices"):
        select_device("cuda:2")


@pytest.mark.parametrize(
    "name", ["", "gpu", "CPU", "cuda:", "cpu:", "cuda:-1", "cuda:x", "cuda:²", "mps", "auto:0", " cpu"]
)
def test_what_is_no_device_s_name_is_refused_with_the_names_that_are(name):
    with pytest.raises(EngineError) as caught:
        select_device(name)

    assert repr(name) in str(caught.value)
    assert "auto, cpu, cuda, cuda:N" in str(caught.value)


def test_an_engine_refuses_a_device_that_is_absent():
    with pytest.raises(EngineError, match="'tpu'"):
        Engine(JointNetwork(6), KITTI, "tpu")


@pytest.mark.parametrize("size", [(31, 640), (640, 31), (0, 0), (-64, 64)])
def test_a_network_size_too_small_is_refused(size):
    with pytest.raises(EngineError) as caught:
        Engine(JointNetwork(6), KITTI, "cpu", size)

    assert f"{size[1]}x{size[0]}" in str(caught.value)
    assert "at least 32" in str(caught.value)


def test_a_domain_that_does_not_fit_the_head_is_refused():
    with pytest.raises(EngineError, match=r"'nyud' needs channels 0 to 39 but the segmentation head has 6"):
        Engine(JointNetwork(6), NYUD, "cpu")
    with pytest.raises(EngineError, match=r"'kitti' needs channels 40 to 45 but the segmentation head has 40"):
        Engine(JointNetwork(40), get_domain("kitti", 46), "cpu")


@pytest.mark.parametrize(("classes", "domain"), [(6, "kitti"), (40, "nyud"), (46, "nyud_kitti")])
def test_weights_of_a_known_number_of_classes_tell_their_domain(classes, domain, checkpoints):
    for unsaid in (None, ""):
        assert load_engine(str(checkpoints(classes, 2)), unsaid, "cpu").domain.name == domain


@pytest.mark.parametrize(
    ("classes", "domain", "said"),
    [
        (6, "nyud", ["'nyud' has 40 classes", "has 6", "choose domain kitti"]),
        (40, "nyud_kitti", ["'nyud_kitti' has 46 classes", "has 40", "choose domain nyud"]),
        (6, "cityscapes", ["unknown domain 'cityscapes'", "nyud, kitti, nyud_kitti"]),
    ],
)
def test_a_domain_that_is_not_the_weights_own_is_refused(classes, domain, said, checkpoints):
    with pytest.raises(DomainError) as caught:
        load_engine(str(checkpoints(classes, 2)), domain, "cpu")

    for part in said:
        assert part in str(caught.value)


def test_weights_of_an_unknown_number_of_classes_are_named_with_those_known(tmp_path):
    path = tmp_path / "seven.ckpt"
    write_formula_checkpoint(path, 7, 2)

    with pytest.raises(DomainError) as caught:
        load_engine(str(path), None, "cpu")

    for part in (repr(str(path)), "7 classes", "nyud (40)", "kitti (6)", "nyud_kitti (46)"):
        assert part in str(caught.value)
    with pytest.raises(DomainError, match="no domain fits it"):
        load_engine(str(path), "kitti", "cpu")


def test_weights_that_are_absent_or_none_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"'/no/such\.ckpt'"):
        load_engine("/no/such.ckpt")
    text = tmp_path / "text.ckpt"
    text.write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match=r"text\.ckpt"):
        load_engine(str(text))


def test_no_frames_no_predictions(checkpoints):
    assert load_engine(str(checkpoints(6, 2)), None, "cpu").predict([]) == []


def test_the_stages_are_timed_in_their_order_and_summed_over_calls(checkpoints):
    engine, stopwatch = load_engine(str(checkpoints(6, 2)), None, "cpu"), Stopwatch()
    frames = [Frame(formula_image(33, 47)), Frame(formula_image(40, 40))]

    engine.predict(frames, stopwatch)
    once = dict(stopwatch.seconds)
    engine.predict(frames, stopwatch)

    assert list(stopwatch.seconds) == ["preprocess", "network", "postprocess"]
    assert all(stopwatch.seconds[stage] > once[stage] > 0 for stage in once)


def test_predicting_keeps_no_gradients(checkpoints):
    engine = load_engine(str(checkpoints(6, 2)), None, "cpu")

    engine.predict([Frame(formula_image(33, 47))])

    assert all(parameter.grad is None for parameter in engine.network.parameters())
    assert not engine.network.training
