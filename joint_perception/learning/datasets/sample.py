# SPDX-License-Identifier: Apache-2.0
"""What a data set holds: an image and whichever annotations it came with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from joint_perception.domains import Domain


class DatasetError(ValueError):
    """A data set that is not there, not laid out as expected, or damaged."""


@dataclass(frozen=True)
class Sample:
    """An image and its annotations; None for each that it lacks.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 class ids of the data set's domain, 255 where void; or None.
        depth: (H, W) float32 metres along the optical axis, NaN where nothing was measured; or None.
        normals: (H, W, 3) float32 unit vectors in the optical frame (x right, y down, z forward), NaN where
            there is none; or None.
        name: What the image is called in errors and pictures.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8] | None
    depth: npt.NDArray[np.float32] | None
    normals: npt.NDArray[np.float32] | None
    name: str

    def __post_init__(self) -> None:
        """Refuse parts that do not belong to one another.

        Raises:
            DatasetError: A wrong type or shape, or an annotation of another size than the image.
        """
        size = self.image.shape[:2]
        parts = (
            ("image", self.image, (*size, 3), np.uint8),
            ("labels", self.labels, size, np.uint8),
            ("depth", self.depth, size, np.float32),
            ("normals", self.normals, (*size, 3), np.float32),
        )
        for what, array, shape, kind in parts:
            if array is not None and (array.shape != shape or array.dtype != kind):
                raise DatasetError(
                    f"{self.name}: {what} are {array.shape} {array.dtype} but must be {shape} {np.dtype(kind)}, "
                    f"as the image is {size[1]}x{size[0]} (width x height)"
                )


class Dataset(Protocol):
    """A sequence of samples, read when they are asked for; torch's DataLoader takes it as it is."""

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def split(self) -> str:
        """The part of the data set, such as `test`."""

    @property
    def domain(self) -> Domain | None:
        """What the labels mean; None where there are no labels."""

    @property
    def note(self) -> str:
        """What must be said beside every figure measured on it."""

    def __len__(self) -> int:
        """Number of samples."""

    def __getitem__(self, index: int) -> Sample:
        """Read a sample.

        Raises:
            DatasetError: A file is damaged, or its annotation does not fit it; the message names the file.
            IndexError: There is no such sample.
        """
