# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2 as the official MATLAB file."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.domains import NYUD
from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.datasets.nyud import LAYOUT, SPLITS, official_note
from joint_perception.learning.datasets.sample import DatasetError, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.domains import Domain

MAT_FILE = "nyu_depth_v2_labeled.mat"
_SPLITS_FILE, _SPLIT_VARIABLES = "splits.mat", {"train": "trainNdxs", "test": "testNdxs"}
# The mapping of the 894 labels to 40 classes is Gupta's (CVPR 2013). It is no part of the official file and is
# not ours to write down from memory: without it there are no labels, and the note says so.
_MAPPING_FILE, _MAPPING_VARIABLE = "classMapping40.mat", "mapClass"


@dataclass(frozen=True)
class NyudMat:
    """NYUDv2 out of the official file; see `Dataset`.

    Depth is `rawDepths`, what the sensor measured: `depths` has its holes painted in by an algorithm.

    Attributes:
        path: The HDF5 file, opened for each sample, so that worker processes may share the object.
        split: `train` or `test`.
        indices: Place of each sample in the file, from zero.
        mapping: (895,) uint8 from the file's labels to NYUD-40, 255 where void; None without the mapping file.
        note: What must be said beside every figure measured on it.
    """

    path: Path
    split: str
    indices: npt.NDArray[np.int64]
    mapping: npt.NDArray[np.uint8] | None
    note: str
    name: str = "nyud"
    domain: Domain = NYUD

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        """Read a sample; errors as in `Dataset`."""
        place = int(self.indices[index])
        name = f"{self.path}, image {place + 1}"
        # MATLAB stores columns first: images (N, 3, W, H), labels and rawDepths (N, W, H).
        image, depth, labels = _read_arrays(self.path, ("images", "rawDepths", "labels"), place)
        depth = depth.T.astype(np.float32)
        if not np.isfinite(depth).all():
            raise DatasetError(f"{name} has a depth that is not finite; the file is damaged, download it again")
        return Sample(
            np.ascontiguousarray(image.transpose(2, 1, 0)),
            self._map(labels.T, name),
            np.where(depth > 0, depth, np.float32(np.nan)),
            None,
            name,
        )

    def _map(self, labels: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8] | None:
        if self.mapping is None:
            return None
        if labels.max() >= len(self.mapping):
            raise DatasetError(
                f"{name} has label {int(labels.max())}; {_MAPPING_FILE} goes up to {len(self.mapping) - 1}"
            )
        return np.take(self.mapping, labels)


def open_nyud_mat(root: Path, split: str) -> NyudMat:
    """Open the official file: depth and, with the mapping to 40 classes beside it, labels.

    Args:
        root: Folder with `nyu_depth_v2_labeled.mat`, `splits.mat` and, for labels, `classMapping40.mat`.
        split: `train` or `test`.

    Raises:
        DatasetError: No such split, or a file is missing or not what its name says.
    """
    if split not in SPLITS:
        raise DatasetError(f"nyud has no split {split!r}; it has {', '.join(SPLITS)}")
    path = root / MAT_FILE
    if not path.is_file():
        raise DatasetError(f"nyud: there is no {path}; get {LAYOUT}")
    count = _count_images(path)
    indices = _load_mat(root / _SPLITS_FILE, _SPLIT_VARIABLES[split]).astype(np.int64) - 1
    if indices.size == 0 or indices.min() < 0 or indices.max() >= count:
        raise DatasetError(f"{root / _SPLITS_FILE} names images outside 1 to {count}, those of {path}")
    note, mapping = official_note(split, len(indices)), None
    if (root / _MAPPING_FILE).is_file():
        mapping = _forty_classes(root / _MAPPING_FILE)
    else:
        note += f"; no labels, as {_MAPPING_FILE} is not beside the file"
    return NyudMat(path, split, indices, mapping, note)


def _forty_classes(path: Path) -> npt.NDArray[np.uint8]:
    classes = _load_mat(path, _MAPPING_VARIABLE).astype(np.int64)  # 1 to 40 for labels 1 to 894
    if classes.size == 0 or classes.min() < 1 or classes.max() > NYUD.num_classes:
        raise DatasetError(f"{path}: {_MAPPING_VARIABLE} must hold classes 1 to {NYUD.num_classes}")
    return np.concatenate([[VOID_ID], classes - 1]).astype(np.uint8)


def _load_mat(path: Path, variable: str) -> npt.NDArray[Any]:
    from scipy.io import loadmat  # type: ignore[import-untyped]  # noqa: PLC0415 (only those who have this file need SciPy)

    if not path.is_file():
        raise DatasetError(f"nyud: there is no {path}; get {LAYOUT}")
    try:
        content = loadmat(path)
    except Exception as error:  # SciPy's reader raises of many kinds: cut off, another version, no such file at all
        raise DatasetError(f"{path} is not a readable MATLAB file: {error}; download it again") from error
    if variable not in content:
        raise DatasetError(f"{path} has no variable {variable!r}; it is not the published file")
    return np.asarray(content[variable]).ravel()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py  # type: ignore[import-untyped]  # noqa: PLC0415 (only those who have this file need it)

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError) as error:
        raise DatasetError(f"{path} is damaged or not the published file: {error}; download it again") from error


def _count_images(path: Path) -> int:
    with _opened(path) as file:
        return len(file["images"])


def _read_arrays(path: Path, names: Sequence[str], place: int) -> list[npt.NDArray[Any]]:
    with _opened(path) as file:
        return [np.asarray(file[name][place]) for name in names]
