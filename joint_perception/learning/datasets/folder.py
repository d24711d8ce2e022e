# SPDX-License-Identifier: Apache-2.0
"""Any folder of images, without annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joint_perception.learning.datasets.image_files import Entry, ImageFiles
from joint_perception.learning.datasets.sample import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def open_folder(root: Path, split: str) -> ImageFiles:
    """Open the images of a folder and of the folders in it, in the order of their paths.

    Args:
        root: The folder.
        split: Name of a folder in it; empty or `all`: the whole of it.

    Raises:
        DatasetError: There is no such folder, or no image in it.
    """
    top = root if split in ("", "all") else root / split
    files = sorted(f for f in top.rglob("*") if f.suffix.lower() in SUFFIXES) if top.is_dir() else []
    if not files:
        raise DatasetError(f"no images in {top}; give a folder with {', '.join(SUFFIXES)} files")
    return ImageFiles("folder", split, None, "images without annotations", [Entry(file) for file in files])
