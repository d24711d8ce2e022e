# SPDX-License-Identifier: Apache-2.0
"""Folders of images, synthetic worlds, and the choice among data sets."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.domains import KITTI, NYUD
from joint_perception.learning.datasets import DatasetError, Sample, open_dataset


def test_folder_has_images_and_nothing_else(tmp_path, layouts):
    for name in ("b.png", "a/c.PNG", "a/b.png"):
        layouts.write(tmp_path / name, layouts.photo(len(name)))
    (tmp_path / "notes.txt").write_text("no image")
    dataset = open_dataset("folder", tmp_path, "all")
    assert [sample.name for sample in dataset] == [str(tmp_path / n) for n in ("a/b.png", "a/c.PNG", "b.png")]
    assert dataset.domain is None
    sample = dataset[0]
    np.testing.assert_array_equal(sample.image, layouts.photo(7))
    assert (sample.labels, sample.depth, sample.normals) == (None, None, None)
    assert len(open_dataset("folder", tmp_path, "a")) == 2


def test_grey_image_has_three_equal_channels(tmp_path, layouts):
    grey = layouts.photo()[..., 0]
    layouts.write(tmp_path / "grey.png", grey)
    image = open_dataset("folder", tmp_path, "all")[0].image
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


def test_folder_without_images_is_named(tmp_path):
    with pytest.raises(DatasetError, match=str(tmp_path)):
        open_dataset("folder", tmp_path, "all")


def test_unknown_data_set_lists_the_known_ones():
    with pytest.raises(DatasetError, match=r"'kiti'.*camvid, nyud, kitti, folder, rooms, streets"):
        open_dataset("kiti")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("labels", np.zeros((4, 5), np.uint8)),
        ("labels", np.zeros((4, 6), np.int64)),
        ("depth", np.zeros((4, 6), np.float64)),
        ("normals", np.zeros((3, 4, 6), np.float32)),
    ],
)
def test_sample_whose_parts_do_not_fit_is_refused(part, value):
    parts = {"labels": None, "depth": None, "normals": None, part: value}
    with pytest.raises(DatasetError, match=f"here.png: {part}"):
        Sample(np.zeros((4, 6, 3), np.uint8), **parts, name="here.png")


@pytest.mark.parametrize(("name", "domain"), [("rooms", NYUD), ("streets", KITTI)])
def test_synthetic_world_has_everything_and_the_same_each_time(name, domain):
    pytest.importorskip("embreex")
    pytest.importorskip("joint_perception.learning.worlds")
    test, train = open_dataset(name, split="test"), open_dataset(name, split="train")
    assert test.domain is domain
    sample, again = test[0], test[0]
    assert sample.image.shape == (240, 320, 3)
    assert set(np.unique(sample.labels)) <= {*range(domain.num_classes), 255}
    assert np.nanmin(sample.depth) > 0
    valid = np.isfinite(sample.normals).all(-1)
    assert valid.mean() > 0.2
    np.testing.assert_allclose(np.linalg.norm(sample.normals[valid], axis=-1), 1, atol=1e-4)
    for part in ("image", "labels", "depth", "normals"):
        np.testing.assert_array_equal(getattr(sample, part), getattr(again, part))
    assert not np.array_equal(sample.image, train[0].image)


def test_synthetic_depth_is_that_of_the_domains_camera():
    worlds = pytest.importorskip("joint_perception.learning.worlds")
    for name, own in (("rooms", 518.86 / 640), ("streets", 721.5 / 1242)):
        dataset = open_dataset(name, None, "test")
        view = worlds.sample(name, 2_000_000, (320, 240))
        assert abs(view.camera.fx / (own * 320) - 1) > 0.01, "a view through the domain's own lens would prove nothing"
        seen = dataset[0]
        np.testing.assert_allclose(seen.depth, view.depth * (own * 320 / view.camera.fx), rtol=1e-5)

        # Its points, through the domain's own camera, lie on surfaces with its normals.
        v, u = np.mgrid[:240, :320]
        points = np.stack([(u - 159.5) / (own * 320), (v - 119.5) / (own * 320), np.ones((240, 320))], 2)
        points *= seen.depth[..., None]
        along, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
        measured = np.cross(down, along)
        measured /= np.linalg.norm(measured, axis=2, keepdims=True)
        cosine = (measured * seen.normals[1:-1, 1:-1]).sum(axis=2)
        assert np.nanmedian(cosine) > 0.9999
        wrong = (measured * view.normals[1:-1, 1:-1]).sum(axis=2)
        assert np.nanmedian(wrong) < np.nanmedian(cosine), "the view's own normals fit no worse"


def test_synthetic_world_ends_and_has_named_splits():
    dataset = open_dataset("rooms", split="val")
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    with pytest.raises(DatasetError, match="train, val, test"):
        open_dataset("rooms", split="validation")
