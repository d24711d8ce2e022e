# SPDX-License-Identifier: Apache-2.0
"""What the benchmark's cameras see: views of the synthetic worlds, with their truth, or drawn ones."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from joint_perception.domains import KITTI, NYUD
from joint_perception.engine import Frame
from joint_perception.offline.files import assumed_camera, read_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.learning.worlds import Kind

WIDE = 2.0  # width over height from which on a picture is a street's, as KITTI's are
# Of the test splits' worlds, which no weights of this package learnt from.
_SEEDS = {"streets": 250_000, "rooms": 2_000_000}
_RATE = 2.0  # views a second of travel: far enough apart to differ


@dataclass(frozen=True)
class Picture:
    """A frame, and what is truly to be seen in it.

    Attributes:
        frame: With its camera.
        domain: Name of the domain of `labels`.
        labels: (H, W) uint8 true class ids, 255 where void; None where nobody knows.
        depth: (H, W) float32 true metres, NaN where there is no surface; None where nobody knows.
    """

    frame: Frame
    domain: str
    labels: npt.NDArray[np.uint8] | None = None
    depth: npt.NDArray[np.float32] | None = None


def pictures(width: int, height: int, count: int) -> list[Picture]:
    """Views of one size.

    Args:
        width: In pixels.
        height: In pixels.
        count: How many.

    Returns:
        Streets where the picture is wide, rooms else; rendered where the renderer is installed (embreex), else
        drawn, without truth.
    """
    return (_rendered if find_spec("embreex") else drawn)(width, height, count)


def pictures_of(files: Sequence[Path], width: int, height: int) -> list[Picture]:
    """Images of the user's, scaled to a size; nobody knows what is to be seen.

    Raises:
        ImageFileError: One cannot be read.
    """
    domain = KITTI if width >= WIDE * height else NYUD
    camera = assumed_camera(domain, width, height)
    scaled = [cv2.resize(read_image(file), (width, height), interpolation=cv2.INTER_AREA) for file in files]
    return [Picture(Frame(np.asarray(image, np.uint8), camera), domain.name) for image in scaled]


def _rendered(width: int, height: int, count: int) -> list[Picture]:
    from joint_perception.learning.worlds import make_world  # noqa: PLC0415 (needs what training needs)

    kind = "streets" if width >= WIDE * height else "rooms"
    domain = KITTI if kind == "streets" else NYUD
    camera = assumed_camera(domain, width, height)
    world = make_world(cast("Kind", kind), _SEEDS[kind])
    views = [world.render(camera, pose) for pose in world.path(count, _RATE)]
    return [Picture(Frame(view.image, camera), domain.name, view.labels, view.depth) for view in views]


def drawn(width: int, height: int, count: int) -> list[Picture]:
    """A floor and a wall with boxes, noise over it, whose truth nobody knows. Arguments as of `pictures`."""
    domain = KITTI if width >= WIDE * height else NYUD
    camera = assumed_camera(domain, width, height)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(count):
        image = np.empty((height, width, 3), np.float32)
        shade = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        image[:] = np.where(shade < 0.5, 200 - 80 * shade, 60 + 90 * shade)[..., None]  # noqa: PLR2004
        for _ in range(12):
            x, y = (int(rng.uniform(0, limit)) for limit in (width, height))
            w, h = (int(limit * rng.uniform(0.05, 0.3)) for limit in (width, height))
            cv2.rectangle(image, (x, y), (x + w, y + h), rng.uniform(20, 235, 3).tolist(), -1)
        image += rng.normal(0, 4, image.shape).astype(np.float32)
        drawn.append(Picture(Frame(np.clip(image, 0, 255).astype(np.uint8), camera), domain.name))
    return drawn
