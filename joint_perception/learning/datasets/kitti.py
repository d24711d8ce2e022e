# SPDX-License-Identifier: Apache-2.0
"""KITTI: LiDAR depth by the lists of the Eigen split, and labels of six classes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from joint_perception.domains import KITTI
from joint_perception.domains.domain import VOID_COLOR, VOID_ID
from joint_perception.learning.datasets.files import read_colored_labels, read_depth
from joint_perception.learning.datasets.image_files import ImageFiles, read_entries
from joint_perception.learning.datasets.sample import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

UNITS_PER_METRE = 256.0  # readme of KITTI's depth devkit
EIGEN_TEST_IMAGES = 697  # Eigen et al. (NIPS 2014)
_COLORS = {**{color: label for label, color in enumerate(KITTI.colors)}, VOID_COLOR: VOID_ID}
_LISTS = ("{}.txt", "eigen_{}.txt", "eigen_{}_files_with_gt.txt")

LAYOUT = (
    "the raw data and the annotated depth maps of https://www.cvlibs.net/datasets/kitti in one folder ROOT, and a "
    "list ROOT/SPLIT.txt of the Eigen split, each line 'image labels depth' (paths relative to ROOT, - for one that is "
    "missing) or, as the lists of BTS have it, 'image depth focal-length'. Depth is a 16-bit PNG of metres x 256, 0 "
    "for none; labels are PNGs in KITTI-6's colours, black for void"
)


def open_kitti(root: Path, split: str) -> ImageFiles:
    """Open KITTI: depth, labels or both, as the list has it.

    Args:
        root: Folder laid out as `LAYOUT` says.
        split: Name of a list in it: `test` stands for `test.txt`, `eigen_test.txt` or
            `eigen_test_files_with_gt.txt`.

    Raises:
        DatasetError: There is no such list, or a file in it does not exist.
    """
    names = [pattern.format(split) for pattern in _LISTS]
    lists = [root / name for name in names if (root / name).is_file()]
    if not lists:
        raise DatasetError(f"kitti: none of {', '.join(names)} is in {root}; get {LAYOUT}")
    entries = read_entries(root, lists[0], _columns)
    note = f"list {lists[0].name}"
    if split == "test" and len(entries) != EIGEN_TEST_IMAGES:
        note += f" of {len(entries)} images, not Eigen's {EIGEN_TEST_IMAGES}"
    return ImageFiles(
        "kitti",
        split,
        KITTI,
        note,
        entries,
        read_labels=partial(read_colored_labels, colors=_COLORS),
        read_depth=partial(read_depth, units_per_metre=UNITS_PER_METRE),
    )


def _columns(words: list[str]) -> list[str]:
    if len(words) == 3 and _is_number(words[2]):  # noqa: PLR2004
        return [words[0], "-", words[1]]  # a list of BTS (Lee et al., arXiv 1907.10326)
    return words


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
