# SPDX-License-Identifier: Apache-2.0
"""Every runtime against plain torch, on pictures and on photographs, at sizes that halve badly."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image

from joint_perception.engine import Engine, EngineError, Frame, RuntimeUnavailableError, load_engine
from joint_perception.engine.postprocess import resize
from joint_perception.engine.runtimes import PRECISIONS, RUNTIMES, choose_runtime, open_runtime, selection
from joint_perception.engine.runtimes.self_check import agreement
from joint_perception.engine.runtimes.torch_runtime import PlainRuntime
from joint_perception.network import load_network
from joint_perception.offline import runtime_options

CPU = torch.device("cpu")
SIZES = [(64, 96), (67, 93), (33, 131), (7, 5)]
EXACT = [("torch", "fp32"), ("openvino", "fp32"), ("onnxruntime", "fp32")]
APPROXIMATE = [("torch", "bf16"), ("openvino", "bf16")]


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def runtime():
    """Runtimes by name, precision and network, made once; skipped where the package is not here."""
    made = {}

    def make(name, precision, path):
        key = name, precision, path
        if key not in made:
            try:
                made[key] = open_runtime(name, load_network(path), CPU, precision)
            except RuntimeUnavailableError as error:
                pytest.skip(str(error))
        return made[key]

    return make


def pixels_of(*images):
    return torch.from_numpy(np.stack(images))


def assert_close(outputs, reference, tolerance):
    for name, found, expected in zip(("segm", "depth", "normal"), outputs, reference, strict=True):
        if expected is None:
            assert found is None
            continue
        assert (found.dtype, found.shape) == (torch.float32, expected.shape)
        scale = expected.abs().max()
        assert ((found - expected).abs().max() / scale) < tolerance, name


@pytest.mark.parametrize(("name", "precision"), EXACT)
@torch.inference_mode()
def test_the_heads_are_those_of_the_plain_network(name, precision, checkpoints, runtime):
    found = runtime(name, precision, checkpoints(40, 3))
    plain = PlainRuntime(load_network(checkpoints(40, 3)), CPU)

    for size in SIZES:
        # White at the borders: a mean folded into the first convolution's bias would show there.
        pixels = pixels_of(formula_image(*size), np.full((*size, 3), 255, np.uint8))
        assert_close(found(pixels), plain(pixels), 1e-4)
        assert_close(found(pixels.float() * 0.9), plain(pixels.float() * 0.9), 1e-4)  # as resized ones come


@pytest.mark.parametrize(("name", "precision"), [*EXACT, *APPROXIMATE])
@pytest.mark.parametrize("photograph", ["kitti_000099.png", "nyud_000464.png"])
@torch.inference_mode()
def test_trained_weights_on_photographs(name, precision, photograph, example, runtime):
    image = cv2.imread(str(example(photograph)), cv2.IMREAD_COLOR)[::2, ::2, ::-1]
    engine = load_engine("demo", None, "cpu")
    pixels = pixels_of(image)

    agrees = agreement(runtime(name, precision, demo_path())(pixels), PlainRuntime(engine.network, CPU)(pixels))

    exact = (name, precision) in EXACT
    assert agrees.labels >= (0.9995 if exact else 0.97)
    assert agrees.depth_error <= (1e-4 if exact else 0.02)


def demo_path():
    from joint_perception.network import resolve_weights  # noqa: PLC0415

    return resolve_weights("demo").path


def test_auto_takes_one_that_agrees_and_remembers_it():
    network = load_network(demo_path())

    _, first = choose_runtime("auto", network, CPU)
    _, second = choose_runtime("auto", network, CPU)

    assert {c.name for c in first.candidates} == {"openvino", "onnxruntime", "torch"}
    best = next(c for c in first.candidates if c.name == first.runtime)
    assert best.agreement.labels > 0.999
    assert f"{best.milliseconds:.1f} ms" in first.describe()
    assert (second.runtime, second.candidates) == (first.runtime, ())
    assert "measured at an earlier start" in second.describe()


def test_auto_refuses_a_fast_runtime_that_is_wrong_and_one_that_breaks(monkeypatch, tmp_path):
    class Wrong(PlainRuntime):
        def __call__(self, pixels):
            segm, depth, _ = super().__call__(pixels[:, ::8, ::8])
            size = (pixels.shape[1] // 4, pixels.shape[2] // 4)
            return type("Outputs", (), {"segm": -resize(segm, size), "depth": resize(depth, size)})

    class Broken(PlainRuntime):
        def __call__(self, _):
            raise RuntimeError("no kernel image")

    def opened(name, network, device, precision):
        return {"openvino": Wrong, "onnxruntime": Broken}.get(name, PlainRuntime)(network, device)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(selection, "open_runtime", opened)

    _, choice = choose_runtime("auto", load_network(demo_path()), CPU)

    assert choice.runtime == "torch"
    assert "openvino" in choice.why
    assert "refused: it does not agree" in choice.why
    assert "no kernel image" in choice.why


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_package_that_is_not_here_is_named_with_its_command(name, monkeypatch, checkpoints):
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(RuntimeUnavailableError, match=f"runtime '{name}' needs the package .*pip install {name}"):
        load_engine(str(checkpoints(6, 2)), None, "cpu", runtime=name)


def test_tensorrt_is_for_gpus(checkpoints):
    with pytest.raises(RuntimeUnavailableError, match=r"'tensorrt' runs on CUDA devices, and the device is cpu"):
        load_engine(str(checkpoints(6, 2)), None, "cpu", runtime="tensorrt")


def test_an_engine_of_another_runtime_predicts_the_same(checkpoints):
    frames = [Frame(formula_image(64, 96)), Frame(formula_image(50, 70))]
    plain = load_engine(str(checkpoints(40, 3)), None, "cpu")
    reference = Engine(plain.network, plain.domain, "cpu").predict(frames)

    for found, expected in zip(plain.predict(frames), reference, strict=True):
        assert (found.labels == expected.labels).mean() > 0.999
        np.testing.assert_allclose(found.depth, expected.depth, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-4)
        np.testing.assert_allclose(found.normals, expected.normals, atol=1e-3)


def test_what_is_not_wanted_is_not_there_and_the_rest_is_the_same(checkpoints):
    engine, frames = load_engine(str(checkpoints(40, 3)), None, "cpu"), [Frame(formula_image(64, 96))]
    everything = engine.predict(frames)[0]

    bare = engine.predict(frames, wanted=())[0]
    sure = engine.predict(frames, wanted=("confidence",))[0]

    assert bare.confidence is bare.normals is sure.normals is None
    np.testing.assert_array_equal(sure.confidence, everything.confidence)
    for prediction in (bare, sure):
        np.testing.assert_array_equal(prediction.labels, everything.labels)
        np.testing.assert_array_equal(prediction.depth, everything.depth)


def test_names_that_are_none_are_refused_with_those_that_are(checkpoints):
    with pytest.raises(EngineError, match=r"runtime 'tflite' is not one of auto, torch, openvino"):
        load_engine(str(checkpoints(6, 2)), None, "cpu", runtime="tflite")
    with pytest.raises(EngineError, match=r"precision 'int8' is not one of fp32, fp16, bf16"):
        load_engine(str(checkpoints(6, 2)), None, "cpu", precision="int8")


def test_half_precision_on_a_cpu_is_refused_with_the_remedy(checkpoints):
    with pytest.raises(RuntimeUnavailableError, match=r"fp16 on CUDA devices only.*use bf16 or fp32"):
        load_engine(str(checkpoints(6, 2)), None, "cpu", precision="fp16")


def test_the_command_line_offers_what_there_is():
    assert runtime_options.RUNTIMES == RUNTIMES
    assert runtime_options.PRECISIONS == PRECISIONS
