# SPDX-License-Identifier: Apache-2.0
"""Several views of each synthetic world, kept on disk once they are rendered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from joint_perception.learning.checkpointing import replacing
from joint_perception.learning.datasets import DatasetError, Sample
from joint_perception.learning.datasets.synthetic import DOMAIN_OF, SPLITS, sample_of

if TYPE_CHECKING:
    from joint_perception.domains import Domain
    from joint_perception.learning import worlds

_PARTS = ("image", "labels", "depth", "normals")


@dataclass(frozen=True)
class WorldViews:
    """Images of synthetic worlds, several of each; see `learning.datasets.Dataset`.

    The first view of a world is that of `SyntheticWorld`.

    Attributes:
        name: `rooms` or `streets`.
        split: `train`, `val` or `test`.
        size: (height, width) of the images.
        views: Images of each world; they follow one another.
        cache: Folder for rendered images; None: they are rendered whenever they are asked for. Depth and normals come
            out of it in half precision. It has a folder for each size and each state of the worlds' source, and grows
            by about 0.3 MB for each image of 320x240: a `limit` in the training bounds it.
    """

    name: str
    split: str
    size: tuple[int, int]
    views: int = 1
    cache: Path | None = None

    @property
    def domain(self) -> Domain:
        """What the labels mean."""
        return DOMAIN_OF[self.name]

    @property
    def note(self) -> str:
        """What must be said beside every figure measured on it."""
        first = SPLITS[self.split][0]
        return f"synthetic, {self.views} view(s) of each world, seeds from {first}, depth as the domain's camera's"

    def __len__(self) -> int:
        """Number of images."""
        return SPLITS[self.split][1] * self.views

    def __getitem__(self, index: int) -> Sample:
        """Render an image, or read it where it was rendered before.

        Raises:
            IndexError: There is no such image.
            DatasetError: The file in the cache is damaged.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} {self.split} has images 0 to {len(self) - 1}, not {index}")
        place, view = divmod(index, self.views)
        seed = SPLITS[self.split][0] + place
        if self.cache is None:
            return self._render(seed, view)
        folder = self.cache / f"{self.name}-{self.size[0]}x{self.size[1]}-{_source_digest()}"
        paths = [folder / f"{seed // 1000:04d}" / f"{seed:07d}-{number}.npz" for number in range(self.views)]
        if not paths[view].is_file():
            for number, path in enumerate(paths):  # all of them: the world is the greater part of the work
                if not path.is_file():
                    _write(path, self._render(seed, number))
        return _read(paths[view], _name(self.name, seed, view))

    def _render(self, seed: int, view: int) -> Sample:
        world = _make_world(self.name, seed)
        rng = np.random.default_rng([seed, 3, view] if view else [seed, 3])  # [seed, 3]: that of worlds.sample
        height, width = self.size
        camera = world.random_camera(rng, width, height)
        seen = world.render(camera, world.random_pose(rng, camera))
        return sample_of(seen, self.domain, _name(self.name, seed, view))


@lru_cache(maxsize=1)
def _make_world(kind: str, seed: int) -> worlds.World:
    from joint_perception.learning import worlds  # noqa: PLC0415 (the renderer is heavy)

    return worlds.make_world(cast("worlds.Kind", kind), seed)


@lru_cache(maxsize=1)
def _source_digest() -> str:
    digest, here = hashlib.sha256(), Path(__file__).parent
    for path in (Path(__file__), here / "datasets" / "synthetic.py", *sorted((here / "worlds").rglob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _name(kind: str, seed: int, view: int) -> str:
    return f"{kind} seed {seed} view {view}"


def _write(path: Path, sample: Sample) -> None:
    assert sample.labels is not None
    assert sample.depth is not None
    assert sample.normals is not None
    arrays = {
        "image": sample.image,
        "labels": sample.labels,
        "depth": sample.depth.astype(np.float16),
        "normals": sample.normals.astype(np.float16),
    }
    with replacing(path) as draft:
        np.savez_compressed(draft, **arrays)  # type: ignore[arg-type]


def _read(path: Path, name: str) -> Sample:
    try:
        with np.load(path, allow_pickle=False) as file:
            image, labels, depth, normals = (file[part] for part in _PARTS)
    except Exception as error:  # zipfile, zlib and NumPy each have their own
        raise DatasetError(f"cached image {path} is damaged ({error}); delete it, it is rendered again") from error
    return Sample(image, labels, depth.astype(np.float32), normals.astype(np.float32), name)
