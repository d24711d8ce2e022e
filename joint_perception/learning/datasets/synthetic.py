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
    from joint_perception.learning.worlds.renderer import Rendering

DOMAIN_OF = {"rooms": NYUD, "streets": KITTI}
SIZE = (240, 320)
# First seed and number of images of each split; the seeds of two splits never meet.
SPLITS = {"train": (0, 1_000_000), "val": (1_000_000, 100), "test": (2_000_000, 200)}


@dataclass(frozen=True)
class SyntheticWorld:
    """Images of a synthetic world with exact labels, depth and normals; see `Dataset`.

    The field of view differs from image to image. Depth and normals are what the domain's training camera would
    have seen: see `sample_of`.

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
        return sample_of(view, self.domain, f"{self.name} seed {first + index}")


def sample_of(view: Rendering, domain: Domain, name: str) -> Sample:
    """A rendering as the domain's own camera would have seen it.

    A longer lens brings everything nearer, and no image tells how long the lens was. So the picture is taken for
    one by the domain's camera, of a world stretched along the optical axis by k = own focal length / the view's:
    depth is k times as large, and normals, which stretch inversely, are (x, y, z / k) normalised.

    Args:
        view: The rendering.
        domain: Where its camera is told; without one, the rendering is left as it is.
        name: What the sample is called.
    """
    own = domain.focal_length_at(view.image.shape[1])
    if own is None:
        return Sample(view.image, view.labels, view.depth, view.normals, name)
    k = np.float32(own / view.camera.fx)
    normals = view.normals * np.array([1, 1, 1 / k], np.float32)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return Sample(view.image, view.labels, view.depth * k, normals, name)
