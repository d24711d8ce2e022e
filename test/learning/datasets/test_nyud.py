# SPDX-License-Identifier: Apache-2.0
"""NYUDv2: tiny copies of both forms, and the authors' example annotation."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.domains import NYUD
from joint_perception.learning.datasets import DatasetError, open_dataset

h5py = pytest.importorskip("h5py")
savemat = pytest.importorskip("scipy.io").savemat

HEIGHT, WIDTH, IMAGES = 6, 8, 5
MAPPING = np.arange(894) % 40 + 1


def test_files_as_the_authors_keep_them(tmp_path, layouts):
    dataset = open_dataset("nyud", layouts.write_nyud(tmp_path), "test")
    assert dataset.domain is NYUD
    assert "2 images, not the official 654" in dataset.note
    sample = dataset[0]
    ids = np.arange(240).reshape(12, 20) % 41
    np.testing.assert_array_equal(sample.labels, np.where(ids == 40, 255, ids))
    raw = np.arange(240).reshape(12, 20) * 131 % 50000
    assert np.isnan(sample.depth[0, 0])
    np.testing.assert_allclose(sample.depth.ravel()[1:], raw.ravel()[1:] / 5000, rtol=1e-6)
    assert sample.normals is None


def test_normals_are_read_when_the_list_names_them(tmp_path, layouts):
    layouts.write_nyud(tmp_path)
    pixels = np.full((12, 20, 3), 128, np.uint8)  # none
    # Red x, green z, blue -y: towards the camera, to the right, up.
    pixels[0, :3] = [(128, 0, 128), (255, 128, 128), (128, 128, 255)]
    layouts.write(tmp_path / "normals" / "000000.png", pixels)
    (tmp_path / "test.txt").write_text("rgb/000000.png - - normals/000000.png\n")
    sample = open_dataset("nyud", tmp_path, "test")[0]
    assert (sample.labels, sample.depth) == (None, None)
    np.testing.assert_allclose(sample.normals[0, :3], [(0, 0, -1), (1, 0, 0), (0, -1, 0)], atol=0.01)
    assert np.isnan(sample.normals[1:]).all()


def test_label_above_the_range_is_named(tmp_path, layouts):
    dataset = open_dataset("nyud", layouts.write_nyud(tmp_path), "test")
    layouts.write(tmp_path / "masks" / "000001.png", np.full((12, 20), 40, np.uint8))
    with pytest.raises(DatasetError, match=r"masks/000001\.png has id 40"):
        dataset[1]


def test_missing_root_says_what_to_get(tmp_path):
    with pytest.raises(DatasetError, match=r"nyu_depth_v2_labeled\.mat.*train\.txt \(795 lines\)"):
        open_dataset("nyud", tmp_path / "nowhere", "train")
    with pytest.raises(DatasetError, match=r"test\.txt nor val_list_depth\.txt is in"):
        open_dataset("nyud", tmp_path, "test")
    with pytest.raises(DatasetError, match="no split 'val'"):
        open_dataset("nyud", tmp_path, "val")


def test_the_authors_annotation(tmp_path, example):
    names = [f"nyud_{kind}000464.png" for kind in ("", "segm_gt_", "depth_gt_")]
    for name in names:
        (tmp_path / name).write_bytes(example(name).read_bytes())
    (tmp_path / "test.txt").write_text("\t".join(names))
    sample = open_dataset("nyud", tmp_path, "test")[0]
    assert sample.labels.shape == (480, 640)
    present = [NYUD.class_names[i] for i in np.unique(sample.labels) if i != 255]
    assert present == ["wall", "floor", "sofa", "table", "picture", "pillow", "lamp", "otherfurniture", "otherprop"]
    assert np.nanmax(sample.depth) == pytest.approx(26142 / 5000)
    assert np.isnan(sample.depth).mean() == pytest.approx(0.37, abs=0.001)


@pytest.fixture
def official(tmp_path):
    """The official file's layout: columns before rows, labels 0 to 894, depth with holes at zero."""
    rng = np.random.default_rng(0)
    content = {
        "images": rng.integers(0, 256, (IMAGES, 3, WIDTH, HEIGHT), dtype=np.uint8),
        "labels": rng.integers(0, 895, (IMAGES, WIDTH, HEIGHT)).astype(np.uint16),
        "depths": np.full((IMAGES, WIDTH, HEIGHT), 9.0, np.float32),
        "rawDepths": rng.uniform(0.7, 9, (IMAGES, WIDTH, HEIGHT)).astype(np.float32),
    }
    content["rawDepths"][:, 2, 3] = 0
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w") as file:
        for name, values in content.items():
            file[name] = values
    savemat(tmp_path / "splits.mat", {"trainNdxs": np.array([[1], [2], [4]]), "testNdxs": np.array([[3], [5]])})
    savemat(tmp_path / "classMapping40.mat", {"mapClass": MAPPING[None]})
    return tmp_path, content


def test_official_file_is_turned_upright_and_mapped(official):
    root, content = official
    train, test = (open_dataset("nyud", root, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (3, 2)
    sample = test[0]  # the third image
    np.testing.assert_array_equal(sample.image, content["images"][2].transpose(2, 1, 0))
    labels = content["labels"][2].T.astype(int)
    np.testing.assert_array_equal(sample.labels, np.where(labels == 0, 255, (labels - 1) % 40))
    assert np.isnan(sample.depth[3, 2])
    depth = content["rawDepths"][2].T.copy()
    depth[3, 2] = np.nan
    np.testing.assert_array_equal(sample.depth, depth)


def test_official_file_without_the_mapping_has_no_labels_and_says_so(official):
    root, _ = official
    (root / "classMapping40.mat").unlink()
    dataset = open_dataset("nyud", root, "test")
    assert dataset[0].labels is None
    assert "classMapping40.mat" in dataset.note


def change(root, name, place, value):
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "r+") as file:
        file[name][place] = value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("rawDepths", np.nan, "image 5 has a depth that is not finite"), ("labels", 895, "image 5 has label 895")],
)
def test_bad_values_in_the_official_file_are_named(official, name, value, message):
    root, _ = official
    change(root, name, (4, 1, 1), value)
    dataset = open_dataset("nyud", root, "test")
    dataset[0]
    with pytest.raises(DatasetError, match=message) as error:
        dataset[1]
    assert "nyu_depth_v2_labeled.mat" in str(error.value)


def test_damaged_official_files_are_named(official):
    root, _ = official
    for name, message in (
        ("classMapping40.mat", "not a readable MATLAB file"),
        ("splits.mat", "not a readable MATLAB file"),
        ("nyu_depth_v2_labeled.mat", "damaged"),
    ):
        (root / name).write_bytes(b"not at all" * 100)
        with pytest.raises(DatasetError, match=message) as error:
            open_dataset("nyud", root, "test")
        assert name in str(error.value)


def test_small_files_that_were_cut_off_or_are_of_another_version_are_named(official):
    root, _ = official
    whole = (root / "splits.mat").read_bytes()
    hdf5 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400)
    for content in (*(whole[:size] for size in (0, 3, 100, 124, 127, 130, len(whole) // 2, len(whole) - 1)), hdf5):
        (root / "splits.mat").write_bytes(content)
        with pytest.raises(DatasetError, match=r"splits\.mat (is not a readable MATLAB file|has no variable)"):
            open_dataset("nyud", root, "test")


def test_splits_that_are_missing_or_do_not_fit_are_named(official):
    root, _ = official
    savemat(root / "splits.mat", {"testNdxs": np.array([[6]])})
    with pytest.raises(DatasetError, match=r"splits\.mat names images outside 1 to 5"):
        open_dataset("nyud", root, "test")
    with pytest.raises(DatasetError, match="no variable 'trainNdxs'"):
        open_dataset("nyud", root, "train")
    (root / "splits.mat").unlink()
    with pytest.raises(DatasetError, match=r"there is no .*splits\.mat"):
        open_dataset("nyud", root, "test")
