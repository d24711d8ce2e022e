# SPDX-License-Identifier: Apache-2.0
"""Clouds made where the prediction is, on the device, against those of the host: bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joint_perception.domains import KITTI, NYUD
from joint_perception.engine import Frame, Prediction
from joint_perception.engine.device.cuda_graphs import CudaGraphs
from joint_perception.engine.device.resident import Resident
from joint_perception.engine.recent import Recent
from joint_perception.geometry import Pinhole
from joint_perception.pipeline.clouds import CloudMaker
from joint_perception.pipeline.labels import meaning
from joint_perception.pipeline.parameter_table import BY_NAME

CPU = torch.device("cpu")


def maker(changes):
    return CloudMaker({name: spec.default for name, spec in BY_NAME.items()} | changes)


def scene(height, width, confident, seed):
    """A frame, what was predicted of it with holes and steps in the depth, and the same with its tensors at hand."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    labels = rng.choice(np.array([0, 1, 2, 5, 255], np.uint8), (height, width))
    depth = rng.choice([2.0, 2.1, 9.0, np.nan], (height, width)).astype(np.float32)
    depth *= rng.uniform(0.95, 1.05, depth.shape).astype(np.float32)
    confidence = rng.random((height, width), np.float32) if confident else None
    camera = Pinhole(0.9 * width, 0.8 * width, width / 2.1, height / 1.9, width, height)
    resident = Resident(
        *(torch.from_numpy(array) for array in (image, labels, depth)),
        None if confidence is None else torch.from_numpy(confidence),
        CudaGraphs(CPU),
        Recent(),
        lambda: True,
    )
    frame = Frame(image, camera)
    return frame, Prediction(labels, depth, confidence), Prediction(labels, depth, confidence, None, resident)


OPTIONS = st.fixed_dictionaries(
    {
        "points.stride": st.integers(1, 4),
        "points.edge_filter": st.sampled_from([0.0, 0.08, 0.5]),
        "points.min_range": st.sampled_from([0.0, 2.05]),
        "points.max_range": st.sampled_from([0.0, 8.0]),
        "points.crop.top": st.sampled_from([0.0, 0.4]),
        "points.crop.left": st.sampled_from([0.0, 0.25]),
        "points.color": st.sampled_from(["image", "class"]),
        "points.excluded_classes": st.sampled_from([[], ["sky"], ["sky", "car"]]),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 40),
    st.booleans(),
    st.sampled_from(["", "traversability"]),
    OPTIONS,
    st.integers(0, 2**31),
)
def test_any_cloud_is_the_host_s(height, width, confident, grouping, options, seed):
    frame, host, device = scene(height, width, confident, seed)
    means = meaning(KITTI, grouping)

    mine, theirs = (maker(options).points(frame, prediction, means) for prediction in (device, host))

    np.testing.assert_array_equal(mine.data.view(np.uint32), canonical(theirs.data, mine.data))


def canonical(expected, found):
    """Bits, where any NaN counts as the one that was found."""
    assert expected.shape == found.shape
    floats = [0, 1, 2, 5]
    bits = expected.copy()
    for field in floats:
        nan = np.isnan(expected[..., field]) & np.isnan(found[..., field])
        bits[..., field][nan] = found[..., field][nan]
    return bits.view(np.uint32)


def test_obstacles_are_the_host_s():
    frame, host, device = scene(60, 80, True, 1)
    options = {"obstacles.ground": "given", "obstacles.camera_height": 1.5}

    mine, theirs = (maker(options).obstacles(frame, prediction, meaning(KITTI, "")) for prediction in (device, host))

    assert len(theirs.data) > 50
    np.testing.assert_array_equal(mine.data.view(np.uint32), theirs.data.view(np.uint32))


def test_once_another_frame_has_taken_its_place_the_host_makes_it():
    frame, host, device = scene(20, 30, True, 2)
    gone = Resident(
        torch.zeros_like(device.resident.image),
        torch.zeros_like(device.resident.labels),
        torch.zeros_like(device.resident.depth),
        None,
        CudaGraphs(CPU),
        Recent(),
        lambda: False,
    )
    late = Prediction(host.labels, host.depth, host.confidence, None, gone)

    mine, theirs = (maker({}).points(frame, prediction, meaning(NYUD, "")) for prediction in (late, host))

    np.testing.assert_array_equal(mine.data.view(np.uint32), theirs.data.view(np.uint32))


@pytest.mark.parametrize("count", [1, 3])
def test_another_camera_is_not_taken_for_the_one_before(count):
    maker_ = maker({})
    tables = Recent(count)
    for focal in (30.0, 60.0, 30.0):
        frame, host, device = scene(20, 30, False, 3)
        frame = Frame(frame.image, Pinhole(focal, focal, 15, 10, 30, 20))
        resident = Resident(
            *(getattr(device.resident, name) for name in ("image", "labels", "depth", "confidence")),
            device.resident.graphs,
            tables,
            lambda: True,
        )
        found = maker_.points(frame, Prediction(host.labels, host.depth, None, None, resident), meaning(KITTI, ""))
        expected = maker_.points(frame, host, meaning(KITTI, ""))
        np.testing.assert_array_equal(found.xyz, expected.xyz)
