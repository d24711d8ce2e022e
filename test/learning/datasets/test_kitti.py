# SPDX-License-Identifier: Apache-2.0
"""KITTI: tiny folders with lists of both forms, and the authors' example annotation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from joint_perception.domains import KITTI
from joint_perception.learning.datasets import DatasetError, open_dataset


def test_labels_in_colours_and_depth_by_256(tmp_path, layouts):
    dataset = open_dataset("kitti", layouts.write_kitti(tmp_path), "test")
    assert len(dataset) == 2
    assert "not Eigen's 697" in dataset.note
    sample = dataset[1]
    index = (np.arange(240).reshape(12, 20) + 1) % 7
    np.testing.assert_array_equal(sample.labels, np.where(index == 6, 255, index))
    raw = (np.arange(240).reshape(12, 20) * 97 + 300) % 20000
    assert np.isnan(sample.depth[::3]).all()
    np.testing.assert_allclose(sample.depth[1::3], raw[1::3] / 256, rtol=1e-6)
    assert sample.depth.dtype == np.float32


@pytest.mark.parametrize("name", ["test.txt", "eigen_test.txt", "eigen_test_files_with_gt.txt"])
def test_list_of_any_usual_name(tmp_path, layouts, name):
    assert name in open_dataset("kitti", layouts.write_kitti(tmp_path, lists=name), "test").note


def test_list_of_bts_has_depth_second_and_a_focal_length_third(tmp_path, layouts):
    layouts.write_kitti(tmp_path)
    (tmp_path / "test.txt").write_text("image/0.png depth/0.png 721.5377\nimage/1.png None 721.5377\n")
    dataset = open_dataset("kitti", tmp_path, "test")
    assert dataset[0].labels is None
    assert np.isfinite(dataset[0].depth).any()
    assert (dataset[1].labels, dataset[1].depth) == (None, None)


def test_missing_annotations_are_dashes_or_the_end_of_the_line(tmp_path, layouts):
    layouts.write_kitti(tmp_path)
    (tmp_path / "train.txt").write_text("image/0.png - depth/0.png\n\nimage/1.png labels/1.png\n")
    dataset = open_dataset("kitti", tmp_path, "train")
    assert [(s.labels is None, s.depth is None) for s in (dataset[0], dataset[1])] == [(True, False), (False, True)]


def test_no_list_says_what_to_get(tmp_path):
    with pytest.raises(DatasetError, match=r"eigen_test\.txt.*cvlibs\.net.*image labels depth"):
        open_dataset("kitti", tmp_path, "test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("- labels/0.png", "line 1"),
        ("image/0.png a b c d", "line 1"),
        ("image/0.png labels/9.png", r"1 of 2 .*labels/9\.png"),
    ],
)
def test_bad_list_is_named(tmp_path, layouts, text, message):
    layouts.write_kitti(tmp_path)
    (tmp_path / "test.txt").write_text(text)
    with pytest.raises(DatasetError, match=message) as error:
        open_dataset("kitti", tmp_path, "test")
    assert "test.txt" in str(error.value)


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("labels/1.png", np.full((12, 20, 3), (128, 128, 129), np.uint8), r"colour \(128, 128, 129\).*240 unknown"),
        ("labels/1.png", np.zeros((12, 20), np.uint8), "colour image"),
        ("labels/1.png", np.zeros((10, 20, 3), np.uint8), "20x10 but its image is 20x12"),
        ("depth/1.png", np.zeros((12, 20), np.uint8), "one 16-bit channel"),
        ("depth/1.png", np.zeros((13, 20), np.uint16), "20x13 but its image is 20x12"),
        ("image/1.png", np.zeros((12, 20), np.uint16), "only 8-bit"),
    ],
)
def test_bad_file_is_named(tmp_path, layouts, file, array, message):
    dataset = open_dataset("kitti", layouts.write_kitti(tmp_path), "test")
    layouts.write(tmp_path / file, array)
    with pytest.raises(DatasetError, match=message) as error:
        dataset[1]
    assert file in str(error.value)


def test_depth_without_any_measurement_is_no_error(tmp_path, layouts):
    dataset = open_dataset("kitti", layouts.write_kitti(tmp_path), "test")
    layouts.write(tmp_path / "depth" / "0.png", np.zeros((12, 20), np.uint16))
    assert np.isnan(dataset[0].depth).all()


def test_the_authors_annotation(tmp_path, example):
    for kind in ("kitti_000099.png", "kitti_segm_gt_000099.png"):
        (tmp_path / kind).write_bytes(example(kind).read_bytes())
    (tmp_path / "test.txt").write_text("kitti_000099.png kitti_segm_gt_000099.png\n")
    sample = open_dataset("kitti", tmp_path, "test")[0]
    counts = np.bincount(sample.labels.ravel(), minlength=256)
    # Pixels of each colour, counted apart from this code.
    by_name = dict(zip(KITTI.class_names, counts[:6].tolist(), strict=True))
    assert by_name == {
        "sky": 19966, "building": 209246, "road": 51540, "sidewalk": 22523, "vegetation": 31651, "car": 86348
    }  # fmt: skip
    assert counts[255] == 32346
    bgr = cv2.imread(str(tmp_path / "kitti_000099.png"))
    np.testing.assert_array_equal(sample.image, bgr[..., ::-1])
