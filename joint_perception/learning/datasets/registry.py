# SPDX-License-Identifier: Apache-2.0
"""Data sets by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joint_perception.learning.datasets import camvid, folder, kitti, nyud, nyud_mat
from joint_perception.learning.datasets.sample import DatasetError
from joint_perception.learning.datasets.synthetic import SyntheticWorld

if TYPE_CHECKING:
    from pathlib import Path

    from joint_perception.learning.datasets.sample import Dataset

# Name to how its files are laid out; None: it has none.
DATASETS: dict[str, str | None] = {
    "camvid": camvid.LAYOUT,
    "nyud": nyud.LAYOUT,
    "kitti": kitti.LAYOUT,
    "folder": "any folder of images",
    "rooms": None,
    "streets": None,
}


def open_dataset(name: str, root: Path | None = None, split: str = "train") -> Dataset:
    """Open a data set.

    Args:
        name: One of `DATASETS`.
        root: The folder that holds it; needed but for the synthetic worlds `rooms` and `streets`.
        split: The part of it, such as `train` or `test`.

    Raises:
        DatasetError: No such data set or split, or the folder does not hold it; the message says what to
            download and how to lay it out.
    """
    if name not in DATASETS:
        raise DatasetError(f"unknown data set {name!r}; choose one of {', '.join(DATASETS)}")
    layout = DATASETS[name]
    if layout is None:
        return SyntheticWorld(name, split)
    if root is None or not root.is_dir():
        where = "no folder was given" if root is None else f"{root} is not a folder"
        raise DatasetError(f"{name}: {where}; get {layout}")
    if name == "nyud":
        in_matlab = (root / nyud_mat.MAT_FILE).is_file()
        return nyud_mat.open_nyud_mat(root, split) if in_matlab else nyud.open_nyud_files(root, split)
    openers = {"camvid": camvid.open_camvid, "kitti": kitti.open_kitti, "folder": folder.open_folder}
    return openers[name](root, split)
