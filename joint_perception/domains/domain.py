# SPDX-License-Identifier: Apache-2.0
"""A domain: the labels of a set of classes, and the depths and the camera they were learnt with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

VOID_ID = 255
VOID_COLOR = (0, 0, 0)


class DomainError(ValueError):
    """A domain or a class that does not exist, or labels that do not fit."""


@dataclass(frozen=True)
class Domain:
    """The meaning of a network's outputs.

    Attributes:
        name: `nyud`, `kitti` or `nyud_kitti`.
        class_names: Name of each class; its index is the class id, 0..N-1.
        colors: sRGB colour of each class, 0..255.
        depth_range: Least and greatest depth in metres that the domain's evaluation counts as
            measured. A prediction outside it is no measurement.
        focal_length: fx in pixels of the camera that took the training images; None where several did.
        image_width: Width in pixels of the images which `focal_length` belongs to; None like it.
        first_channel: Channel of the segmentation head that holds class 0, in a network whose head is
            wider than this domain (the NYUD+KITTI network).
    """

    name: str
    class_names: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    depth_range: tuple[float, float]
    focal_length: float | None
    image_width: int | None
    first_channel: int = 0

    def __post_init__(self) -> None:
        """Refuse a domain whose parts do not fit together.

        Raises:
            DomainError: Names and colours differ in number, or the depth range is not a range.
        """
        if len(self.class_names) != len(self.colors):
            raise DomainError(
                f"domain {self.name!r} has {len(self.class_names)} class names but {len(self.colors)} "
                "colours; give one colour for each name"
            )
        low, high = self.depth_range
        if not 0 <= low < high:
            raise DomainError(f"domain {self.name!r} has depth range {self.depth_range}; need 0 <= min < max")

    @property
    def num_classes(self) -> int:
        """Number of classes, void not counted."""
        return len(self.class_names)

    def focal_length_at(self, width: int) -> float | None:
        """Focal length in pixels of the training camera, had it taken images of that width; None where several did."""
        if self.focal_length is None or self.image_width is None:
            return None
        return self.focal_length * width / self.image_width

    @cached_property
    def palette(self) -> npt.NDArray[np.uint8]:
        """Colour of every possible label id: (256, 3) uint8 RGB, void and unused ids black."""
        table = np.full((256, 3), VOID_COLOR, np.uint8)
        table[: self.num_classes] = self.colors
        return table

    def colorize(self, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Colour a label image.

        Args:
            labels: (H, W) uint8 class ids, 255 where void.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        return np.take(self.palette, labels, axis=0)  # a fifth of the time of self.palette[labels]

    def class_ids(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Ids of the classes named; a class may occur twice in the joint layout.

        Raises:
            DomainError: A name is not a class of this domain.
        """
        unknown = [name for name in names if name not in self.class_names]
        if unknown:
            raise DomainError(
                f"domain {self.name!r} has no class {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(self.class_names)}"
            )
        return tuple(i for i, name in enumerate(self.class_names) if name in names)
