# SPDX-License-Identifier: Apache-2.0
"""One network, several cameras: each frame's outputs read in its own way."""

from __future__ import annotations

import numpy as np
import pytest
from formula_checkpoint import formula_image

from joint_perception.domains import KITTI, NYUD, get_domain
from joint_perception.engine import Frame, Reading, load_engine


@pytest.fixture
def engine(checkpoints):
    return load_engine(str(checkpoints(46, 3)), None, "cpu")


def same(a, b):
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_allclose(a.depth, b.depth, rtol=1e-5)
    np.testing.assert_allclose(a.confidence, b.confidence, atol=1e-5)
    np.testing.assert_allclose(a.normals, b.normals, atol=1e-5)


def test_two_domains_in_one_batch(engine, checkpoints):
    frames = [Frame(formula_image(64, 96)), Frame(formula_image(64, 96)[::-1].copy()), Frame(formula_image(40, 48))]
    names = ["nyud", "kitti", "nyud"]
    got = engine.predict(frames, readings=[engine.reading(name) for name in names])
    for frame, name, prediction in zip(frames, names, got, strict=True):
        alone = load_engine(str(checkpoints(46, 3)), name, "cpu").predict([frame])[0]
        same(prediction, alone)
    assert got[0].labels.max() >= KITTI.num_classes or got[2].labels.max() >= KITTI.num_classes


def test_other_sizes_share_a_batch_at_the_networks_size(checkpoints):
    engine = load_engine(str(checkpoints(46, 3)), "nyud", "cpu", (64, 96))
    sizes = []
    engine.runtime.graph.register_forward_pre_hook(lambda _, inputs: sizes.append(tuple(inputs[0].shape)))
    frames = [Frame(formula_image(*size)) for size in ((64, 96), (120, 80), (64, 96), (50, 70))]
    together = engine.predict(frames)
    assert sizes == [(4, 64, 96, 3)], "one pass for all"
    for frame, prediction in zip(frames, together, strict=True):
        assert prediction.labels.shape == frame.image.shape[:2]
        same(prediction, engine.predict([frame])[0])


def test_depth_is_scaled_before_its_range(engine):
    frame = Frame(formula_image(64, 96))
    plain = engine.predict([frame], readings=[Reading(NYUD, depth_range=(0, 1e9))])[0].depth
    low, high = np.quantile(plain, [0.2, 0.7]) * 2.5
    got = engine.predict([frame], readings=[Reading(NYUD, 2.5, (float(low), float(high)))])[0].depth
    inside = (plain * 2.5 >= low) & (plain * 2.5 <= high)
    assert 0.4 < inside.mean() < 0.6
    np.testing.assert_array_equal(np.isfinite(got), inside)
    np.testing.assert_allclose(got[inside], plain[inside] * 2.5, rtol=1e-6)


def test_doubtful_labels_become_void(engine):
    frame = Frame(formula_image(64, 96))
    plain = engine.predict([frame], readings=[Reading(NYUD)])[0]
    threshold = float(np.median(plain.confidence))
    got = engine.predict([frame], readings=[Reading(NYUD, min_confidence=threshold)])[0]
    doubtful = plain.confidence < np.float32(threshold)
    assert 0.3 < doubtful.mean() < 0.6
    np.testing.assert_array_equal(got.labels, np.where(doubtful, 255, plain.labels))
    np.testing.assert_array_equal(got.confidence, plain.confidence)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_no_scale(scale):
    with pytest.raises(ValueError, match="depth scale"):
        Reading(KITTI, scale)


def test_no_range():
    with pytest.raises(ValueError, match="depth range is 5"):
        Reading(KITTI, depth_range=(5.0, 5.0))


def test_the_training_cameras_focal_length(engine):
    assert engine.training_focal_length(NYUD) == pytest.approx(518.86)
    assert engine.training_focal_length(get_domain("nyud_kitti")) is None
    demo = load_engine("demo", "kitti", "cpu")
    assert demo.training_focal_length(demo.domain) == pytest.approx(721.5 * 320 / 1242)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_no_temperature(temperature):
    with pytest.raises(ValueError, match="temperature is"):
        Reading(KITTI, temperature=temperature)
