# SPDX-License-Identifier: Apache-2.0
"""The temperatures kept with weights, and what the engine makes of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image
from safetensors import safe_open
from safetensors.torch import save_file

from joint_perception.engine import Frame, load_engine
from joint_perception.engine.preprocess import to_input
from joint_perception.network import CheckpointError, load_network, load_state_dict
from joint_perception.network.checkpoint import export_half
from joint_perception.network.temperatures import KEY, read_temperatures, write_temperatures


@pytest.fixture
def calibrated(checkpoints, tmp_path):
    path = tmp_path / "calibrated.safetensors"
    write_temperatures(checkpoints(46, 3), path, {"kitti": 2.5, "nyud": 0.5})
    return path


def test_what_was_written_is_read_and_the_tensors_are_the_same(checkpoints, calibrated):
    assert read_temperatures(calibrated) == {"kitti": 2.5, "nyud": 0.5}
    assert read_temperatures(checkpoints(46, 3)) == {}, "a .ckpt has none"
    before, after = load_state_dict(checkpoints(46, 3)), load_state_dict(calibrated)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_other_metadata_stays_and_an_export_keeps_both(checkpoints, tmp_path):
    source, target = tmp_path / "source.safetensors", tmp_path / "target.safetensors"
    save_file(load_state_dict(checkpoints(6)), source, {"training": "a record"})

    write_temperatures(source, source, {"kitti": 1.5})
    export_half(source, target)

    with safe_open(str(target), "pt") as file:
        assert file.metadata()["training"] == "a record"
    assert read_temperatures(target) == {"kitti": 1.5}
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_engine_divides_by_it_and_changes_no_label(checkpoints, calibrated):
    frame, network = Frame(formula_image(64, 96)), load_network(checkpoints(46, 3))
    for name, temperature in (("kitti", 2.5), ("nyud", 0.5), ("nyud_kitti", 1.0)):
        plain = load_engine(str(checkpoints(46, 3)), name, "cpu")
        engine = load_engine(str(calibrated), name, "cpu")
        before, after = plain.predict([frame])[0], engine.predict([frame])[0]
        np.testing.assert_array_equal(before.labels, after.labels)
        np.testing.assert_array_equal(before.depth, after.depth)

        # The formula, by itself: softmax of the resized logits over the temperature.
        domain = engine.domain
        with torch.inference_mode():
            segm = network(to_input([frame.image], torch.device("cpu"), None)).segm
            segm = segm[:, domain.first_channel : domain.first_channel + domain.num_classes]
            segm = torch.nn.functional.interpolate(segm, (64, 96), mode="bilinear", align_corners=False)
            expected = (segm / temperature).softmax(dim=1).amax(dim=1)[0].numpy()
        np.testing.assert_allclose(after.confidence, expected, atol=1e-4)  # the engine folds normalisation
        assert engine.reading(name).temperature == temperature
        assert np.allclose(before.confidence, after.confidence) == (temperature == 1.0)


@pytest.mark.parametrize("value", [0, -1.0, 1e9, float("nan"), float("inf"), True, "1.5", None])
def test_what_is_no_temperature_is_not_written(checkpoints, tmp_path, value):
    with pytest.raises(CheckpointError, match="each must be from"):
        write_temperatures(checkpoints(6), tmp_path / "a.safetensors", {"kitti": value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "{", "1.5", "[1.5]", '{"kitti": 0}', '{"kitti": NaN}', '{"kitti": "2"}', '{"kitti": true}', "[" * 9999]
)
def test_what_is_no_temperature_is_refused_when_read(checkpoints, tmp_path, text):
    path = tmp_path / "odd.safetensors"
    save_file(load_state_dict(checkpoints(6)), path, {KEY: text})

    with pytest.raises(CheckpointError, match="calibrate-confidence"):
        load_engine(str(path), None, "cpu")


def test_a_target_that_has_no_metadata(checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match="does not end in"):
        write_temperatures(checkpoints(6), tmp_path / "a.ckpt", {"kitti": 1.5})


def test_the_key_is_json_that_others_can_read(calibrated):
    with safe_open(str(calibrated), "pt") as file:
        assert json.loads(file.metadata()["temperature"]) == {"kitti": 2.5, "nyud": 0.5}
