# SPDX-License-Identifier: Apache-2.0
"""Samples as tensors and batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from joint_perception.domains import get_domain
from joint_perception.engine.preprocess import to_input
from joint_perception.learning.datasets import Sample, collate, network_input, open_dataset, to_example


def sample(**parts):
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Sample(image, **{"labels": None, "depth": None, "normals": None, **parts}, name="x")


LABELS = np.arange(24, dtype=np.uint8).reshape(4, 6) % 6
DEPTH = np.arange(24, dtype=np.float32).reshape(4, 6) + 1
NORMALS = np.tile(np.array([0, 0, -1], np.float32), (4, 6, 1))


def test_what_a_sample_lacks_is_void_and_nan_and_said():
    samples = [sample(labels=LABELS), sample(depth=DEPTH, normals=NORMALS), sample()]
    images, targets = collate([to_example(s) for s in samples])
    assert images.shape == (3, 3, 4, 6)
    assert images.dtype == torch.uint8
    np.testing.assert_array_equal(images[0].permute(1, 2, 0), samples[0].image)
    assert targets.present.tolist() == [[True, False, False], [False, True, True], [False, False, False]]
    np.testing.assert_array_equal(targets.labels[0], LABELS)
    assert (targets.labels[1:] == 255).all()
    np.testing.assert_array_equal(targets.depth[1], DEPTH)
    assert targets.depth[[0, 2]].isnan().all()
    np.testing.assert_array_equal(targets.normals[1].permute(1, 2, 0), NORMALS)
    assert targets.normals[[0, 2]].isnan().all()
    assert targets.channels is None


def test_channels_are_those_of_the_domain_in_the_joint_head():
    examples = [to_example(sample(labels=LABELS), get_domain(name, 46)) for name in ("kitti", "nyud")]
    assert collate(examples).targets.channels.tolist() == [[40, 6], [0, 40]]


def test_channels_for_some_only_are_refused():
    with pytest.raises(ValueError, match="channels"):
        collate([to_example(sample()), to_example(sample(), get_domain("kitti"))])
    with pytest.raises(ValueError, match="at least one"):
        collate([])


def test_network_input_is_the_engines():
    samples = [sample(), sample()]
    images = collate([to_example(s) for s in samples]).images
    expected = to_input([s.image for s in samples], torch.device("cpu"))
    torch.testing.assert_close(network_input(images), expected, rtol=0, atol=0)


def test_targets_move_to_a_device():
    targets = collate([to_example(sample(labels=LABELS))]).targets.to("cpu")
    assert targets.channels is None
    np.testing.assert_array_equal(targets.labels[0], LABELS)


def test_loader_with_worker_processes_takes_a_data_set_as_it_is(tmp_path, layouts):
    dataset = open_dataset("camvid", layouts.write_camvid(tmp_path, count=5), "test")
    loader = DataLoader(dataset, batch_size=2, num_workers=1, collate_fn=lambda s: collate([to_example(x) for x in s]))
    batches = list(loader)
    assert [len(b.images) for b in batches] == [2, 2, 1]
    np.testing.assert_array_equal(batches[2].targets.labels[0], dataset[4].labels)
