# SPDX-License-Identifier: Apache-2.0
"""Pictures in a row as a GIF that plays everywhere and a video that shows every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from joint_perception.demo.pictures import fitted
from joint_perception.offline.movie import Movie

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

MOST_FRAMES = 60
"""Of a GIF."""

_MOST_BYTES = 6_000_000
# Widths in pixels and numbers of colours, tried until the file is small enough.
_TRIES = ((720, 256), (600, 256), (480, 128), (360, 64))
_VIDEO_WIDTH = 1280


def write_gif(path: Path, pictures: Sequence[Picture], seconds: float) -> None:
    """Write an animation of at most about 6 MB that repeats for ever.

    Args:
        path: The file.
        pictures: (H, W, 3) uint8 RGB, all of one size.
        seconds: How long one round takes.
    """
    # In hundredths of a second, as the format has them; below two, browsers slow down.
    duration = max(20, round(100 * seconds / len(pictures)) * 10)
    for width, colors in _TRIES:
        # Not dithered: noise would double the size. By octree: a fiftieth of the time of the median cut.
        small = [
            Image.fromarray(fitted(p, width)).quantize(colors, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            for p in pictures
        ]
        small[0].save(path, save_all=True, append_images=small[1:], duration=duration, loop=0)
        if path.stat().st_size <= _MOST_BYTES:
            return


class Video(Movie):
    """An MP4 of pictures that are made as wide as a screen shows them; arguments as of `Movie`."""

    def add(self, picture: Picture) -> None:
        """Append a picture of the size of the first one."""
        super().add(fitted(picture, _VIDEO_WIDTH))
