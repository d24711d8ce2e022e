# SPDX-License-Identifier: Apache-2.0
"""`joint_perception export`: what it writes says what torch says, and tells every tool what it is."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys

import cv2
import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image

from joint_perception.cli import main
from joint_perception.domains import KITTI, DomainError, get_domain
from joint_perception.engine import EngineError, Frame, Reading, load_engine
from joint_perception.offline import export_command
from joint_perception.offline.export import writers
from joint_perception.offline.export.agreement import compare

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
openvino = pytest.importorskip("openvino")

# One of each format, and each option twice.
EXPORTS = {
    "onnx": (".onnx", "outside", "fp32", None),
    "openvino": (".xml", "inside", "fp32", None),
    "torchscript": (".ts", "outside", "fp16", (64, 96)),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Images this small gain nothing from more threads; on busy cores they would wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    cv2.imwrite(str(path), formula_image(75, 112)[..., ::-1])
    return path


@pytest.fixture(scope="module")
def exported(checkpoints, picture, tmp_path_factory):
    """Format to (file, report), of the formula's checkpoint of three tasks."""
    made, folder = {}, tmp_path_factory.mktemp("exports")

    def export(kind):
        if kind not in made:
            suffix, processing, precision, size = EXPORTS[kind]
            path, report = folder / f"network{suffix}", folder / f"{kind}.json"
            words = ["export", "--weights", str(checkpoints(46, 3)), "--format", kind, "--out", str(path), "--json"]
            words += ["--processing", processing, "--precision", precision, "--images", str(picture)]
            words += ["--size", f"{size[1]}x{size[0]}"] if size else []
            with report.open("w") as file, contextlib.redirect_stdout(file):
                status = main(words)
            assert status == 0, report.read_text()
            made[kind] = path, json.loads(report.read_text())
        return made[kind]

    return export


@pytest.mark.parametrize("kind", EXPORTS)
def test_what_was_exported_says_what_torch_says(kind, exported, checkpoints):
    path, _ = exported(kind)
    size = EXPORTS[kind][3]
    frames = [Frame(formula_image(*s)) for s in ((size,) * 2 if size else ((75, 112), (50, 61), (75, 112)))]
    # The weights' own numbers have more digits than float16 holds.
    tolerance = 2e-2 if EXPORTS[kind][2] == "fp16" else 1e-4

    engine, torchs = load_engine(str(path), device="cpu"), load_engine(str(checkpoints(46, 3)), device="cpu")
    found, expected = engine.predict(frames), torchs.predict(frames)

    assert (engine.domain, engine.modalities) == (torchs.domain, torchs.modalities)
    for one, right in zip(found, expected, strict=True):
        assert np.mean(one.labels != right.labels) <= (0.01 if tolerance > 1e-3 else 1e-4)
        assert len(np.unique(right.labels)) > 4, "a picture of one label would prove nothing"
        np.testing.assert_allclose(one.depth, right.depth, rtol=tolerance)
        np.testing.assert_allclose(one.confidence, right.confidence, atol=tolerance)
        assert np.mean(np.sum(one.normals * right.normals, axis=2)) > 1 - tolerance


@pytest.mark.parametrize("kind", EXPORTS)
def test_the_report_and_the_file_say_the_same(kind, exported, checkpoints):
    path, report = exported(kind)
    _, processing, precision, size = EXPORTS[kind]
    told = report["metadata"]

    assert report["agrees"] is True
    files = [path, path.with_suffix(".bin")] if kind == "openvino" else [path]
    assert report["bytes"] == sum(file.stat().st_size for file in files)
    (agreement,) = report["agreement"]
    assert (agreement["image"], agreement["classes"] > 4) == ("picture.png", True)
    assert agreement["labels"] >= 0.99
    assert told["weights_sha256"] == hashlib.sha256(checkpoints(46, 3).read_bytes()).hexdigest()
    assert told["classes"].split(",") == list(get_domain("nyud_kitti").class_names)
    assert (told["processing"], told["precision"], told["tasks"]) == (processing, precision, "segm,depth,normal")
    assert told["size"] == (f"{size[1]}x{size[0]}" if size else "any")
    if kind == "onnx":
        properties = {p.key: p.value for p in onnx.load(str(path)).metadata_props}
        assert {k: properties[f"joint_perception.{k}"] for k in told} == told
    elif kind == "openvino":
        model = openvino.Core().read_model(str(path))
        assert {k: model.get_rt_info(["joint_perception", k]).astype(str) for k in told} == told
    else:
        extra = {"joint_perception": ""}
        torch.jit.load(str(path), _extra_files=extra)
        assert json.loads(extra["joint_perception"]).items() >= told.items()


def test_half_precision_is_half_the_size(exported):
    assert exported("torchscript")[0].stat().st_size < 0.6 * exported("onnx")[0].stat().st_size


def test_processing_inside_needs_nothing_but_the_image(exported, checkpoints):
    image = formula_image(50, 61)
    compiled = openvino.Core().compile_model(str(exported("openvino")[0]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    found = compiled({"image": image[None]})

    right = load_engine(str(checkpoints(46, 3)), device="cpu").predict([Frame(image)])[0]
    assert np.mean(found["label"][0] != right.labels) <= 1e-3
    np.testing.assert_allclose(found["depth"][0], right.depth, rtol=1e-4)


def test_an_image_of_another_size_is_resized_for_a_fixed_one(exported, checkpoints):
    engine = load_engine(str(exported("torchscript")[0]), device="cpu")
    frame = Frame(formula_image(128, 192))

    found = engine.predict([frame])[0]

    right = load_engine(str(checkpoints(46, 3)), device="cpu", network_size=(64, 96)).predict([frame])[0]
    assert found.labels.shape == (128, 192)
    assert np.mean(found.labels != right.labels) < 0.01
    with pytest.raises(EngineError, match=r"takes 96x64, not the network size 128x128"):
        load_engine(str(exported("torchscript")[0]), device="cpu", network_size=(128, 128))


def test_one_head_of_two_domains_stays_so_outside_and_not_inside(exported, checkpoints):
    frame = Frame(formula_image(50, 61))
    outside, torchs = (load_engine(str(p), "kitti", "cpu") for p in (exported("onnx")[0], checkpoints(46, 3)))

    assert outside.domain.class_names == KITTI.class_names
    np.testing.assert_array_equal(outside.predict([frame])[0].labels, torchs.predict([frame])[0].labels)
    with pytest.raises(DomainError, match=r"'kitti'.*decided for 'nyud_kitti'.*--processing outside"):
        load_engine(str(exported("openvino")[0]), "kitti", "cpu")


def test_infer_takes_what_was_exported(exported, checkpoints, picture, tmp_path):
    for name, weights in (("exported", exported("onnx")[0]), ("torch", checkpoints(46, 3))):
        assert main(["infer", str(picture), "--weights", str(weights), "--out", str(tmp_path / name)]) == 0

    one, right = (cv2.imread(str(tmp_path / n / "picture_label.png"), -1) for n in ("exported", "torch"))
    np.testing.assert_array_equal(one, right)


def test_the_same_onnx_file_in_openvino(exported):
    path, frame = str(exported("onnx")[0]), Frame(formula_image(50, 61))

    one, other = (load_engine(path, device="cpu", runtime=name) for name in ("onnxruntime", "openvino"))

    assert (one.runtime.name, other.runtime.name) == ("onnxruntime", "openvino")
    assert np.mean(one.predict([frame])[0].labels != other.predict([frame])[0].labels) < 1e-3
    with pytest.raises(EngineError, match=r"'torch' does not read .*onnxruntime or openvino"):
        load_engine(path, runtime="torch")
    with pytest.raises(EngineError, match="'fp16' cannot be had"):
        load_engine(path, precision="fp16")


def test_min_confidence_and_range_hold_for_labels_decided_inside(exported):
    engine, frame = load_engine(str(exported("openvino")[0]), device="cpu"), Frame(formula_image(50, 61))
    plain = engine.predict([frame])[0]
    middle, threshold = float(np.nanmedian(plain.depth)), float(np.median(plain.confidence))

    reading = Reading(engine.domain, depth_range=(0.0, middle), min_confidence=threshold)
    found = engine.predict([frame], readings=[reading])[0]

    np.testing.assert_array_equal(found.labels == 255, plain.confidence < threshold)
    np.testing.assert_array_equal(np.isnan(found.depth), plain.depth > middle)


def test_other_weights_do_not_agree(checkpoints):
    engines = [load_engine(str(checkpoints(46, 3)), d, "cpu") for d in ("nyud", "kitti")]

    (found,) = compare(*engines, {"picture": formula_image(50, 61)})

    assert not found.sufficient
    assert found.labels < 0.9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "x.pt"], r"'x\.pt'.*end it in \.onnx"),
        (["--size", "640"], r"'640'.*640x480"),
        (["--size", "640x16"], r"'640x16'.*at least 32"),
        (["--images", "/no/such.png"], r"/no/such\.png"),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_work(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--weights", "demo", "--format", "onnx", "--out", "x.onnx", *words]) == 1

    assert re.search(said, capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_missing_is_named_with_the_command(checkpoints, tmp_path, monkeypatch, capsys, exported):
    path = exported("onnx")[0]
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ["--weights", str(checkpoints(6)), "--format", "onnx", "--out", str(tmp_path / "x.onnx")]

    assert main(["export", *words, "--images", str(path.parents[1] / "x.png")]) == 1
    capsys.readouterr()
    with pytest.raises(EngineError, match=r"ONNX Runtime.*`pip install onnxruntime`"):
        load_engine(str(path), runtime="onnxruntime")
    with pytest.raises(writers.ExportError, match=r"'onnx'.*`pip install onnx`"):
        writers._package("onnx")


def test_an_exported_network_is_not_exported_again(exported, tmp_path, picture, capsys):
    words = ["--weights", str(exported("onnx")[0]), "--format", "torchscript", "--out", str(tmp_path / "x.ts")]

    assert main(["export", *words, "--images", str(picture)]) == 1

    assert "export from the checkpoint" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".ts"])
def test_a_damaged_file_is_named(suffix, tmp_path):
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(b"not a network")

    with pytest.raises(EngineError, match=rf"damaged\{suffix}.*export it again"):
        load_engine(str(path), device="cpu")


def test_a_foreign_network_without_a_contract_says_what_to_do(tmp_path):
    path = tmp_path / "foreign.onnx"
    torch.onnx.export(torch.nn.Conv2d(3, 2, 1), (torch.zeros(1, 3, 8, 8),), str(path), dynamo=False)

    with pytest.raises(EngineError, match=r"foreign\.onnx.*write a contract"):
        load_engine(str(path), device="cpu")


def test_suffixes_are_the_same_in_both_places():
    assert export_command.SUFFIXES == writers.SUFFIXES
