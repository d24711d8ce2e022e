# SPDX-License-Identifier: Apache-2.0
"""The order of the images: a function of seed and position, whoever loads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from joint_perception.learning.datasets import DatasetError, open_dataset
from joint_perception.learning.processes import Processes
from joint_perception.learning.pseudo_labels import PseudoLabels, Record, key_of
from joint_perception.learning.stream import load_parts, open_stream

CPU = torch.device("cpu")


@pytest.fixture
def config(tmp_path, write_blocks, configure):
    """Two data sets, five and three images, four and two of them in a batch."""
    first = write_blocks(tmp_path / "first", 5)
    second = write_blocks(tmp_path / "second", 3)
    both = configure(first)[0]
    other = configure(second, data={"images": 2})[0]
    return replace(both, data=both.data + other.data, steps=5)


def images(config, processes=Processes(0, 1, CPU), first_step=0):  # noqa: B008
    return [[part.images for part in parts] for parts in load_parts(open_stream(config), config, processes, first_step)]


def test_loading_processes_have_no_effect(config):
    assert all(
        torch.equal(a, b)
        for (a,), (b,) in zip(images(config), images(replace(config, workers=2)), strict=True)
    )  # fmt: skip


def test_ranks_and_parts_divide_the_batch_of_one(config):
    whole = [parts[0] for parts in images(config)]
    first, second = (images(config, Processes(rank, 2, CPU)) for rank in range(2))
    assert all(torch.equal(torch.cat(a + b), w) for a, b, w in zip(first, second, whole, strict=True))
    accumulated = images(replace(config, optimiser=replace(config.optimiser, accumulate=3)))
    assert all(
        len(parts) == 3 and torch.equal(torch.cat(parts), w) for parts, w in zip(accumulated, whole, strict=True)
    )


def test_resumed_stream_goes_on(config):
    whole = images(config)
    assert all(torch.equal(a, b) for (a,), (b,) in zip(whole[3:], images(config, first_step=3), strict=True))


def test_seed_changes_order_and_augmentation(config):
    (a,), (b,) = images(config)[0], images(replace(config, seed=1))[0]
    assert not torch.equal(a, b)


class Recorded:
    """A data set that notes which samples were asked for."""

    def __init__(self, dataset):
        self._dataset, self.asked = dataset, []

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def __getitem__(self, index):
        self.asked.append(index)
        return self._dataset[index]


def test_every_sample_comes_once_an_epoch_in_changing_order(config):
    stream = open_stream(config)
    recorded = [Recorded(source.dataset) for source in stream.sources]
    stream = replace(
        stream, sources=tuple(replace(s, dataset=r) for s, r in zip(stream.sources, recorded, strict=True))
    )
    for position in range(15 * stream.batch):  # 60 images of five, 30 of three
        stream[position]
    epochs = np.array(recorded[0].asked).reshape(-1, 5)
    assert all(sorted(epoch) == list(range(5)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) > 6
    assert Counter(recorded[1].asked) == {0: 10, 1: 10, 2: 10}


def test_every_part_of_a_batch_is_mixed(config):
    stream = open_stream(config)
    recorded = [Recorded(source.dataset) for source in stream.sources]
    stream = replace(
        stream, sources=tuple(replace(s, dataset=r) for s, r in zip(stream.sources, recorded, strict=True))
    )
    for position in range(3):  # half of a batch of four and two
        stream[position]
    assert [len(r.asked) for r in recorded] == [2, 1]


def test_indivisible_batch_is_refused(config):
    with pytest.raises(DatasetError, match=r"batch of 6 images cannot be divided into 4 equal parts \(4 processes"):
        images(config, Processes(0, 4, CPU))


def present(config):
    stream = open_stream(config)
    return {i: (s.labels is not None, s.depth is not None) for s in [stream.sources[0]] for i in s.indices.tolist()
            for s in [stream.sources[0][i]]}  # fmt: skip


def test_kept_shares_are_nested_and_exact(tmp_path, write_blocks, configure):
    root = write_blocks(tmp_path / "kitti", 10)
    found = {}
    for share in (0.2, 0.5, 1.0):
        config, _ = configure(root, data={"keep": {"segm": share}})
        found[share] = {i for i, (labels, depth) in present(config).items() if labels}
        assert all(depth for _, depth in present(config).values())
    assert [len(f) for f in found.values()] == [2, 5, 10]
    assert found[0.2] < found[0.5]
    config, _ = configure(root, data={"keep": {"segm": 0.2}, "complete_only": True})
    assert set(present(config)) == found[0.2]
    config, _ = configure(root, data={"keep": {"segm": 0.2}, "limit": 4})
    assert len(present(config)) == 4
    config, _ = configure(root, data={"keep": {"segm": 0.0}, "complete_only": True})
    with pytest.raises(DatasetError, match="no sample is left of 10"):
        open_stream(config)


def record(**changes):
    values = {"dataset": "kitti", "split": "train", "modality": "depth", "domain": "kitti", "teacher": "t",
              "teacher_sha256": "0", "min_confidence": 0.0, "units_per_metre": 256.0}  # fmt: skip
    return Record(**values | changes)


def test_teacher_fills_in_only_what_is_missing(tmp_path, write_blocks, configure):
    root = write_blocks(tmp_path / "kitti", 2, lacking=[("depth", 1)])
    said = np.full((64, 64), 7.5, np.float32)
    said[:10] = np.nan
    labels = PseudoLabels.create(tmp_path / "pseudo", record())
    labels.write("train/image/1.png", said)
    source = open_stream(configure(root, data={"pseudo": {"depth": str(tmp_path / "pseudo")}})[0]).sources[0]
    assert set(np.unique(source[0].depth)) <= {2.0, 5.0, 8.0, 11.0, 14.0, 17.0}
    np.testing.assert_array_equal(source[1].depth, said)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "nyud"}, "dataset 'nyud', not 'kitti'"),
        ({"modality": "segm"}, "modality 'segm', not 'depth'"),
        ({"split": "test"}, "split 'test', not 'train'"),
    ],
)
def test_folder_of_something_else_is_refused(tmp_path, write_blocks, configure, changes, message):
    root = write_blocks(tmp_path / "kitti", 1)
    PseudoLabels.create(tmp_path / "pseudo", record(**changes))
    with pytest.raises(DatasetError, match=message):
        open_stream(configure(root, data={"pseudo": {"depth": str(tmp_path / "pseudo")}})[0])


def test_absent_pseudo_labels_tell_the_command(tmp_path, write_blocks, configure):
    root = write_blocks(tmp_path / "kitti", 1, lacking=[("depth", 0)])
    config, _ = configure(root, data={"pseudo": {"depth": str(tmp_path / "pseudo")}})
    with pytest.raises(DatasetError, match="joint_perception distill --dataset kitti --split train --modality depth"):
        open_stream(config)
    PseudoLabels.create(tmp_path / "pseudo", record())
    with pytest.raises(DatasetError, match=r"0\.png\.png is missing; run the `joint_perception distill`"):
        open_stream(config)


def test_normals_survive_their_file(tmp_path):
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(8, 9, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[2, 3] = np.nan
    labels = PseudoLabels.create(tmp_path, record(modality="normal"))
    labels.write("a/b.png", normals)
    read = labels.read("a/b.png")
    assert np.isnan(read[2, 3]).all()
    cosine = np.nansum(read * normals, axis=-1)[np.isfinite(read[..., 0])]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.5


def test_folder_without_labels_needs_a_domain(tmp_path, write_blocks, configure):
    root = write_blocks(tmp_path / "kitti", 2)
    data = {"dataset": "folder", "split": "image", "root": str(root / "train")}
    with pytest.raises(DatasetError, match="give it a domain"):
        open_stream(configure(root, data=data)[0])
    config = configure(root, data=data | {"domain": "kitti"})[0]
    (parts, *_) = load_parts(open_stream(config), config, Processes(0, 1, CPU), 0)
    assert not parts[0].targets.present.any()


def test_key_of_numbered_samples(tmp_path):
    assert key_of(open_dataset("rooms"), None, 12) == "0000012"
