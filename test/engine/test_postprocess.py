# SPDX-License-Identifier: Apache-2.0
"""Depths that are no measurement, and numbers that are none: never clipped, never trusted, never a crash."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image
from torch.nn import functional

from joint_perception.domains import KITTI, NYUD, get_domain
from joint_perception.engine import Engine, Frame, Reading
from joint_perception.engine.postprocess import to_predictions
from joint_perception.network import Outputs, load_network


@pytest.fixture
def network(checkpoints):
    return load_network(checkpoints(6, 2))


def predict(network, image=None):
    frame = Frame(formula_image(50, 70) if image is None else image)
    return Engine(network, get_domain("kitti"), "cpu").predict([frame])[0]


def outputs(segm=None, depth=1.0, normal=None, size=(4, 5), classes=6):
    """Outputs of one image; a scalar depth holds everywhere."""
    segm = torch.zeros(1, classes, *size) if segm is None else segm
    depth = torch.full((1, 1, *size), depth) if isinstance(depth, float) else depth
    return Outputs(segm, depth, normal)


@pytest.mark.parametrize(
    ("bias", "metres"),
    [
        (5.0, 5.0),
        (-5.0, 5.0),
        (-79.99, 79.99),
        (0.00101, 0.00101),
        (80.001, np.nan),
        (-300.0, np.nan),
        (1e30, np.nan),
        (0.0009, np.nan),
        (0.0, np.nan),
        (float("inf"), np.nan),
        (float("nan"), np.nan),
    ],
)
def test_a_network_that_says_one_depth_everywhere(network, bias, metres):
    with torch.no_grad():
        network.depth.weight.zero_()
        network.depth.bias.fill_(bias)

    prediction = predict(network)

    np.testing.assert_allclose(prediction.depth, np.full((50, 70), metres), rtol=1e-6)
    assert (prediction.confidence > 0).all()


@pytest.mark.parametrize("gain", [12.0, -12.0, 2e-4])
def test_depths_outside_the_range_become_nan_and_the_others_stay(network, gain):
    raw = predict(network).depth.astype(np.float64)
    with torch.no_grad():
        network.depth.weight.mul_(gain)
        network.depth.bias.mul_(gain)

    depth = predict(network).depth

    expected = raw * abs(gain)
    inside = (expected >= 1e-3) & (expected <= 80)
    assert 0.02 < inside.mean() < 1  # both kinds are there
    near_a_limit = np.minimum(abs(expected - 80), abs(expected - 1e-3) * 1e4) < 1e-2
    sure = ~near_a_limit
    np.testing.assert_array_equal(np.isfinite(depth)[sure], inside[sure])
    np.testing.assert_allclose(depth[sure & inside], expected[sure & inside], rtol=1e-4)


@pytest.mark.parametrize("domain", [KITTI, NYUD], ids=lambda domain: domain.name)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_limits_themselves_are_measurements(domain, sign):
    low, high = np.float32(domain.depth_range)
    beyond = [np.nextafter(low, np.float32(0)), np.nextafter(high, np.float32(1000))]
    depth = torch.tensor([[low, high, *beyond]]).mul(sign).view(1, 1, 1, 4)

    row = to_predictions(outputs(depth=depth, size=(1, 4), classes=40), (1, 4), Reading(domain))[0].depth[0]

    np.testing.assert_array_equal(row, [low, high, np.nan, np.nan])


def test_the_range_is_the_domain_s():
    metres = outputs(depth=20.0, classes=40)

    assert np.isnan(to_predictions(metres, (16, 20), Reading(NYUD))[0].depth).all()
    assert (to_predictions(outputs(depth=20.0), (16, 20), Reading(KITTI))[0].depth == 20).all()


def test_depth_is_resized_before_its_sign_is_dropped():
    depth = torch.tensor([[-4.0, 4.0]]).view(1, 1, 1, 2)

    row = to_predictions(outputs(depth=depth, size=(1, 2)), (1, 8), Reading(KITTI))[0].depth[0]

    # Through zero between the two, as the authors' notebooks do, and not 4 m all the way.
    np.testing.assert_allclose(row, [4, 4, 3, 1, 1, 3, 4, 4])


def test_labels_are_decided_after_the_logits_are_resized():
    segm = torch.zeros(1, 6, 1, 2)
    segm[0, :, 0, 0] = torch.tensor([9.0, 0, 0, 8.0, 0, 0])
    segm[0, :, 0, 1] = torch.tensor([0, 9.0, 0, 8.0, 0, 0])

    prediction = to_predictions(outputs(segm, size=(1, 2)), (1, 8), Reading(KITTI))[0]

    # Class 3 is the second best at both ends and the best in between: no resizing of ids could find it.
    assert prediction.labels[0].tolist() == [0, 0, 3, 3, 3, 3, 1, 1]


def test_the_first_of_equal_logits_wins_with_its_share():
    prediction = to_predictions(outputs(), (16, 20), Reading(KITTI))[0]

    assert not prediction.labels.any()
    np.testing.assert_allclose(prediction.confidence, 1 / 6, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e4, 1e37])
def test_confidence_of_huge_logits_is_one(scale):
    segm = torch.zeros(1, 6, 4, 5)
    segm[:, 2] = scale

    prediction = to_predictions(outputs(segm), (16, 20), Reading(KITTI))[0]

    assert (prediction.labels == 2).all()
    assert (prediction.confidence == 1).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_none_spoils_its_surroundings_only(bad):
    segm, depth = torch.zeros(1, 6, 8, 8), torch.full((1, 1, 8, 8), 3.0)
    segm[0, 1] = 5.0
    segm[0, 1, 2, 2] = depth[0, 0, 6, 6] = bad

    prediction = to_predictions(outputs(segm, depth), (32, 32), Reading(KITTI))[0]

    where_labels, where_depth = np.zeros((2, 32, 32), bool)
    where_labels[8:12, 8:12] = True  # the pixels of that cell; those around it are mixed from several
    where_depth[24:28, 24:28] = True
    assert (prediction.confidence[where_labels] == 0).all()
    assert np.isnan(prediction.depth[where_depth]).all()
    around = np.zeros((32, 32), bool)
    around[6:14, 6:14] = True
    assert (prediction.labels[~around] == 1).all()
    assert (prediction.confidence[~around] > 0.9).all()
    around = np.zeros((32, 32), bool)
    around[22:30, 22:30] = True
    assert (prediction.depth[~around] == 3).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_network_that_overflows_is_trusted_nowhere(network, bad):
    with torch.no_grad():
        network.segm.bias.fill_(bad)
        network.depth.bias.fill_(bad)

    prediction = predict(network)

    assert prediction.labels.shape == (50, 70)
    assert prediction.labels.max() < 6
    assert (prediction.confidence == 0).all()
    assert np.isnan(prediction.depth).all()


def test_normals_are_resized_and_then_made_unit_vectors():
    normal = torch.tensor([[3.0, 0.0], [0.0, 0.0], [0.0, -1.0]]).view(1, 3, 1, 2)

    found = to_predictions(outputs(normal=normal, size=(1, 2)), (1, 8), Reading(KITTI))[0].normals

    mixed = functional.interpolate(normal.double(), (1, 8), mode="bilinear", align_corners=False)[0, :, 0].numpy().T
    np.testing.assert_allclose(found[0], mixed / np.linalg.norm(mixed, axis=1, keepdims=True), atol=1e-6)
    assert found[0, 0].tolist() == [1, 0, 0]
    assert found[0, 7].tolist() == [0, 0, -1]


def test_arrays_are_the_caller_s_own():
    first, second = to_predictions(Outputs(torch.zeros(2, 6, 4, 5), torch.ones(2, 1, 4, 5)), (16, 20), Reading(KITTI))

    first.depth[...] = 7

    assert (second.depth == 1).all()
    assert all(a.flags.c_contiguous for a in (first.labels, first.depth, first.confidence))
