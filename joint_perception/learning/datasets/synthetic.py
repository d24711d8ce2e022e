# SPDX-License-Identifier: Apache-2.0
"""The synthetic worlds as data sets: rendered when asked for, the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from joint_perception.domains import KITTI, NYUD
from joint_perception.learning.datasets.sample import DatasetError, Sample

if TYPE_CHECKING:
    from joint_perception.domains import Domain

DOMAIN_OF = {"rooms": NYUD, "streets": KITTI}
SIZE = (240, 320)
# First seed and number of images of each split; the seeds of two splits never meet.
SPLITS = {"train": (0, 1_000_000), "val": (1_000_000, 100), "test": (2_000_000, 200)}


@dataclass(frozen=True)
class SyntheticWorld:
    """Images of a synthetic world with exact labels, depth and normals; see `Dataset`.

    The field of view differs from image to image. Depth is brought to the focal length of the domain's training
    camera: Z times that over the view's own.

    Attributes:
        name: `rooms` or `streets`.
        split: `train`, `val` or `test`.
        size: (height, width) of the images.
    """

    name: str
    split: str
    size: tuple[int, int] = SIZE

    def __post_init__(self) -> None:
        """Refuse a world or a split that does not exist.

        Raises:
            DatasetError: There is none of that name.
        """
        if self.name not in DOMAIN_OF:
            raise DatasetError(f"there is no synthetic world {self.name!r}; there are {', '.join(DOMAIN_OF)}")
        if self.split not in SPLITS:
            raise DatasetError(f"{self.name} has no split {self.split!r}; it has {', '.join(SPLITS)}")

    @property
    def domain(self) -> Domain:
        """What the labels mean."""
        return DOMAIN_OF[self.name]

    @property
    def note(self) -> str:
        """What must be said beside every figure measured on it."""
        first, count = SPLITS[self.split]
        return f"synthetic, seeds {first} to {first + count - 1}, depth as the domain's training camera would see it"

    def __len__(self) -> int:
        """Number of samples."""
        return SPLITS[self.split][1]

    def __getitem__(self, index: int) -> Sample:
        """Render a sample.

        Raises:
            IndexError: There is no such sample.
        """
        from joint_perception.learning import worlds  # noqa: PLC0415 (the renderer is heavy)

        first, count = SPLITS[self.split]
        if not 0 <= index < count:
            raise IndexError(f"{self.name} {self.split} has samples 0 to {count - 1}, not {index}")
        height, width = self.size
        view = worlds.sample(cast("worlds.Kind", self.name), first + index, (width, height))
        # A longer lens brings everything nearer, and no image tells how long the lens was: metres are those of
        # the domain's own camera, as the network's are, whatever camera took the picture.
        own = self.domain.focal_length_at(width)
        depth = view.depth if own is None else view.depth * np.float32(own / view.camera.fx)
        return Sample(view.image, view.labels, depth, view.normals, f"{self.name} seed {first + index}")
