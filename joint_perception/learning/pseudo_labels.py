# SPDX-License-Identifier: Apache-2.0
"""A folder of what a teacher said about images that lack a modality: one PNG an image, and a record of the teacher."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from joint_perception.domains import DOMAINS
from joint_perception.learning.checkpointing import replacing
from joint_perception.learning.datasets import DatasetError
from joint_perception.learning.datasets.files import read_depth, read_ids, read_normals
from joint_perception.learning.datasets.image_files import ImageFiles

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.learning.datasets import Dataset

# Name on the command line and in configurations, to the attribute of a sample.
ATTRIBUTES = {"segm": "labels", "depth": "depth", "normal": "normals"}
RECORD_FILE = "distill.json"
# Of the 16-bit PNGs: NYUD's own (13 m at most) where the domain's depths end before, else KITTI's (255 m).
_FINE, _COARSE = 5000.0, 256.0


@dataclass(frozen=True)
class Record:
    """What the files of a folder are.

    Attributes:
        dataset: Whose images.
        split: Which part of it.
        modality: `segm`, `depth` or `normal`.
        domain: What the ids mean, and which depths count.
        teacher: Name of the weights that said it, or of their file.
        teacher_sha256: Of the teacher's file.
        min_confidence: Probability below which a label became void.
        units_per_metre: Value of a depth of one metre.
    """

    dataset: str
    split: str
    modality: str
    domain: str
    teacher: str
    teacher_sha256: str
    min_confidence: float
    units_per_metre: float


def depth_units(domain: str) -> float:
    """Units per metre for the depths of a domain."""
    return _FINE if DOMAINS[domain].depth_range[1] * _FINE < np.iinfo(np.uint16).max else _COARSE


@dataclass(frozen=True)
class PseudoLabels:
    """The folder, to read from and to write to.

    Attributes:
        folder: Where it is.
        record: What is in it.
    """

    folder: Path
    record: Record

    @classmethod
    def create(cls, folder: Path, record: Record) -> PseudoLabels:
        """Begin a folder, or go on with it.

        Raises:
            DatasetError: It holds what another teacher said, or of other images.
        """
        path = folder / RECORD_FILE
        if path.is_file():
            before, now = asdict(_read_record(path)), asdict(record)
            before["teacher"] = now["teacher"]  # the same file under another name is the same
            if differing := [f"{key} {before[key]!r}, not {now[key]!r}" for key in now if now[key] != before[key]]:
                raise DatasetError(f"{folder} holds the work of another run: {'; '.join(differing)}; name another")
        else:
            with replacing(path) as draft:
                draft.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        return cls(folder, record)

    @classmethod
    def open(cls, folder: Path, dataset: Dataset, modality: str, domain: str) -> PseudoLabels:
        """Open a folder to learn from.

        Raises:
            DatasetError: It is not there, or holds another modality, or is of another data set or domain.
        """
        path = folder / RECORD_FILE
        if not path.is_file():
            raise DatasetError(
                f"pseudo-labels: there is no {path}; write them with `joint_perception distill --dataset "
                f"{dataset.name} --split {dataset.split} --modality {modality} --out {folder} ...`"
            )
        record = _read_record(path)
        expected = {"dataset": dataset.name, "split": dataset.split, "modality": modality, "domain": domain}
        found = asdict(record)
        if differing := [
            f"{key} {found[key]!r}, not {value!r}" for key, value in expected.items() if found[key] != value
        ]:
            raise DatasetError(f"pseudo-labels in {folder} are of {'; '.join(differing)}; name the folder of these")
        return cls(folder, record)

    def path(self, key: str) -> Path:
        """The file of an image."""
        return self.folder / f"{key}.png"

    def require(self, key: str) -> None:
        """Check that the teacher said something of an image.

        Raises:
            DatasetError: The file is missing.
        """
        if not self.path(key).is_file():
            raise DatasetError(
                f"pseudo-label {self.path(key)} is missing; run the `joint_perception distill` that wrote "
                f"{self.folder} again"
            )

    def read(self, key: str) -> npt.NDArray[Any]:
        """What the teacher said of an image, as a `Sample` has it.

        Raises:
            DatasetError: The file is missing or damaged.
        """
        self.require(key)
        path = self.path(key)
        if self.record.modality == "segm":
            return read_ids(path, DOMAINS[self.record.domain].num_classes)
        if self.record.modality == "depth":
            return read_depth(path, self.record.units_per_metre)
        return read_normals(path)

    def write(self, key: str, values: npt.NDArray[Any]) -> None:
        """Write what the teacher said of an image.

        Args:
            key: Of the image.
            values: (H, W) uint8 ids, (H, W) float32 metres or (H, W, 3) float32 unit vectors; NaN where there is none.

        Raises:
            DatasetError: The disk takes no more.
        """
        pixels = values
        if self.record.modality == "depth":
            units = np.rint(np.nan_to_num(values, nan=0.0) * self.record.units_per_metre)
            pixels = np.clip(units, 0, np.iinfo(np.uint16).max).astype(np.uint16)
        elif self.record.modality == "normal":
            x, y, z = (values[..., axis] for axis in range(3))
            # `read_normals`: x, z and -y as red, green and blue; OpenCV writes blue first. Zero, grey, is none.
            pixels = np.rint(np.nan_to_num(np.stack([-y, z, x], axis=-1), nan=0.0) * 127.5 + 127.5).astype(np.uint8)
        with replacing(self.path(key)) as draft:
            if not cv2.imwrite(str(draft), pixels):
                raise DatasetError(f"{self.path(key)} cannot be written; check the folder and the free space")


def key_of(dataset: Dataset, root: Path | None, index: int) -> str:
    """What the files of a sample are called: its image's path below the root, or its number."""
    if isinstance(dataset, ImageFiles) and root is not None:
        image = dataset.entries[index].image
        if image.is_relative_to(root):
            return image.relative_to(root).as_posix()  # suffix included: a.png and a.jpg are two images
    return f"{index:07d}"


def _read_record(path: Path) -> Record:
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(f"{path} is damaged ({error}); delete the folder and distil again") from error
