# SPDX-License-Identifier: Apache-2.0
"""A data set of files: one image each, and at most one file for each annotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joint_perception.learning.datasets.files import read_normals, read_rgb
from joint_perception.learning.datasets.sample import DatasetError, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from joint_perception.domains import Domain

_ABSENT = ("-", "None")


@dataclass(frozen=True)
class Entry:
    """The files of one sample; None for an annotation that it lacks."""

    image: Path
    labels: Path | None = None
    depth: Path | None = None
    normals: Path | None = None


@dataclass(frozen=True)
class ImageFiles:
    """A data set whose samples are files; see `Dataset`.

    Attributes:
        name: What users call it.
        split: The part of the data set.
        domain: What the labels mean; None where there are none.
        note: What must be said beside every figure measured on it.
        entries: The files of each sample.
        read_labels: Path to (H, W) uint8 class ids of the domain.
        read_depth: Path to (H, W) float32 metres, NaN where nothing was measured.
    """

    name: str
    split: str
    domain: Domain | None
    note: str
    entries: Sequence[Entry]
    read_labels: Callable[[Path], npt.NDArray[np.uint8]] | None = None
    read_depth: Callable[[Path], npt.NDArray[np.float32]] | None = None

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        """Read a sample; errors as in `Dataset`."""
        entry = self.entries[index]
        image = read_rgb(entry.image)
        return Sample(
            image,
            _read(self.read_labels, entry.labels, image),
            _read(self.read_depth, entry.depth, image),
            _read(read_normals, entry.normals, image),
            str(entry.image),
        )


def read_entries(root: Path, list_file: Path, columns: Callable[[list[str]], list[str]] | None = None) -> list[Entry]:
    """Read a list of samples.

    Args:
        root: What the paths in the list are relative to.
        list_file: One line a sample: image, labels, depth and normals, divided by blanks or tabs; `-` or the
            end of the line where one is missing.
        columns: Brings the words of a line of another form into this one.

    Raises:
        DatasetError: The list is empty or has a line that is none, or a file in it does not exist.
    """
    entries = []
    for number, line in enumerate(list_file.read_text(encoding="utf-8").splitlines(), start=1):
        if not (names := line.split()):
            continue
        names = names if columns is None else columns(names)
        if len(names) > 4 or names[0] in _ABSENT:  # noqa: PLR2004
            raise DatasetError(
                f"{list_file}, line {number}: {line!r} is not 'image labels depth normals', with - for each of the "
                "last three that is missing"
            )
        paths = [None if name in _ABSENT else root / name for name in names]
        entries.append(Entry(root / names[0], *paths[1:]))
    if not entries:
        raise DatasetError(f"list {list_file} is empty; write one line for each image: image labels depth normals")
    require_files(entries, f"list {list_file}")
    return entries


def require_files(entries: Sequence[Entry], source: str) -> None:
    """Check that every file is there, before hours are spent on the first ones.

    Args:
        entries: The samples.
        source: Where their names come from, for the error.

    Raises:
        DatasetError: Files are missing.
    """
    files = [f for e in entries for f in (e.image, e.labels, e.depth, e.normals) if f is not None]
    if missing := [file for file in files if not file.is_file()]:
        raise DatasetError(f"{len(missing)} of {len(files)} files of {source} are missing; the first is {missing[0]}")


def _read(reader: Callable[[Path], npt.NDArray[Any]] | None, path: Path | None, image: npt.NDArray[np.uint8]) -> Any:
    if path is None or reader is None:
        return None
    annotation = reader(path)
    if annotation.shape[:2] != image.shape[:2]:
        raise DatasetError(
            f"{path} is {annotation.shape[1]}x{annotation.shape[0]} but its image is "
            f"{image.shape[1]}x{image.shape[0]} (width x height); annotations are never rescaled, store them at the "
            "image's size"
        )
    return annotation
