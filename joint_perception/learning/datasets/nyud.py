# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2 as image files, the way the network's authors keep it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from joint_perception.domains import NYUD
from joint_perception.learning.datasets.files import read_depth, read_ids
from joint_perception.learning.datasets.image_files import ImageFiles, read_entries
from joint_perception.learning.datasets.sample import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = {"train": 795, "test": 654}
UNITS_PER_METRE = 5000.0
# The second name of each is that in the authors' DenseTorch, examples/multitask/lists.
_LISTS = {"train": ("train.txt", "train_list_depth.txt"), "test": ("test.txt", "val_list_depth.txt")}

LAYOUT = (
    "NYU Depth v2 (https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html) as ROOT/nyu_depth_v2_labeled.mat with "
    "splits.mat and, for labels, classMapping40.mat beside it; or as image files: ROOT/train.txt (795 lines) and "
    "ROOT/test.txt (654 lines), each line 'image labels depth normals' (paths relative to ROOT, - for one that is "
    "missing), labels as 8-bit ids 0 to 39 and 255 for void, depth as 16-bit PNG of metres x 5000 with 0 for none, "
    "normals as 8-bit RGB of (x, z, -y)"
)


def open_nyud_files(root: Path, split: str) -> ImageFiles:
    """Open NYUDv2 as image files: labels, depth and, where the list names them, normals.

    Args:
        root: Folder laid out as the second half of `LAYOUT` says.
        split: `train` or `test`.

    Raises:
        DatasetError: No such split, no list of it, or a file in the list does not exist.
    """
    if split not in SPLITS:
        raise DatasetError(f"nyud has no split {split!r}; it has {', '.join(SPLITS)}")
    lists = [root / name for name in _LISTS[split] if (root / name).is_file()]
    if not lists:
        raise DatasetError(f"nyud: neither {' nor '.join(_LISTS[split])} is in {root}; get {LAYOUT}")
    entries = read_entries(root, lists[0])
    return ImageFiles(
        "nyud",
        split,
        NYUD,
        official_note(split, len(entries)),
        entries,
        read_labels=partial(read_ids, classes=NYUD.num_classes),
        read_depth=partial(read_depth, units_per_metre=UNITS_PER_METRE),
    )


def official_note(split: str, images: int) -> str:
    """What is said beside figures of a split with so many images."""
    official = SPLITS[split]
    return "official split" if images == official else f"{images} images, not the official {official}"
