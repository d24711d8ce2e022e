# SPDX-License-Identifier: Apache-2.0
"""CamVid: tiny folders in its layout, and the real one where it is at hand."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from joint_perception.domains import KITTI
from joint_perception.learning.datasets import DatasetError, open_dataset

# sky building pole road pavement tree sign fence car pedestrian bicyclist unlabelled
EXPECTED = ["sky", "building", None, "road", "sidewalk", "vegetation", None, None, "car", None, None, None]


def test_ids_become_those_of_kitti(tmp_path, layouts):
    dataset = open_dataset("camvid", layouts.write_camvid(tmp_path), "test")
    assert len(dataset) == 3
    assert dataset.domain is KITTI
    for i in range(3):
        sample = dataset[i]
        raw = (np.arange(12 * 20).reshape(12, 20) + i) % 12
        names = [None if label == 255 else KITTI.class_names[label] for label in sample.labels.ravel()]
        assert names == [EXPECTED[camvid] for camvid in raw.ravel()]
        np.testing.assert_array_equal(sample.image, layouts.photo(i))
        assert (sample.depth, sample.normals) == (None, None)
        assert sample.name.endswith(f"Seq_{i:05d}.png")


def test_number_of_images_that_is_not_the_official_one_is_said(tmp_path, layouts):
    assert "3 images, not the official 233" in open_dataset("camvid", layouts.write_camvid(tmp_path), "test").note


def test_data_set_travels_to_worker_processes(tmp_path, layouts):
    dataset = open_dataset("camvid", layouts.write_camvid(tmp_path), "test")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(dataset))[1].labels, dataset[1].labels)


def test_missing_root_says_what_to_get_and_how_to_lay_it_out(tmp_path):
    for root in (None, tmp_path / "nowhere", tmp_path):
        with pytest.raises(DatasetError) as error:
            open_dataset("camvid", root, "test")
        assert "SegNet" in str(error.value)
        assert "testannot" in str(error.value) or "{train,val,test}annot" in str(error.value)
        assert str(root) in str(error.value) or root is None


def test_unknown_split_is_refused(tmp_path, layouts):
    with pytest.raises(DatasetError, match="no split 'trian'; it has train, val, test"):
        open_dataset("camvid", layouts.write_camvid(tmp_path), "trian")


def test_image_without_annotation_is_named(tmp_path, layouts):
    layouts.write_camvid(tmp_path)
    (tmp_path / "testannot" / "Seq_00001.png").unlink()
    with pytest.raises(DatasetError, match=r"1 of 6 .*testannot/Seq_00001\.png"):
        open_dataset("camvid", tmp_path, "test")


def broken_by(tmp_path, layouts, annotation):
    layouts.write_camvid(tmp_path)
    path = tmp_path / "testannot" / "Seq_00001.png"
    if isinstance(annotation, bytes):
        path.write_bytes(annotation)
    else:
        layouts.write(path, annotation)
    return open_dataset("camvid", tmp_path, "test")


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (np.full((12, 20), 12, np.uint8), "id 12 in 240 pixels"),
        (np.zeros((12, 21), np.uint8), "21x12 but its image is 20x12"),
        (np.zeros((12, 20), np.uint16), "one 8-bit channel"),
        (np.zeros((12, 20, 3), np.uint8), "one 8-bit channel"),
        (b"no image", "cannot be decoded"),
    ],
)
def test_bad_annotation_is_named(tmp_path, layouts, annotation, message):
    dataset = broken_by(tmp_path, layouts, annotation)
    dataset[0]
    with pytest.raises(DatasetError, match=message) as error:
        dataset[1]
    assert "Seq_00001.png" in str(error.value)


def test_image_all_void_is_no_error(tmp_path, layouts):
    dataset = broken_by(tmp_path, layouts, np.full((12, 20), 11, np.uint8))
    assert (dataset[1].labels == 255).all()


def test_file_that_vanished_is_named(tmp_path, layouts):
    dataset = open_dataset("camvid", layouts.write_camvid(tmp_path), "test")
    (tmp_path / "test" / "Seq_00002.png").unlink()
    with pytest.raises(DatasetError, match=r"Seq_00002\.png is missing"):
        dataset[2]


@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101), ("test", 233)])
def test_the_real_one(real_camvid, split, count):
    dataset = open_dataset("camvid", real_camvid, split)
    assert len(dataset) == count
    assert "not the official" not in dataset.note
    seen = set()
    for i in range(0, count, 25):
        sample = dataset[i]
        assert sample.image.shape == (360, 480, 3)
        seen |= set(np.unique(sample.labels).tolist())
    assert seen == {0, 1, 2, 3, 4, 5, 255}
