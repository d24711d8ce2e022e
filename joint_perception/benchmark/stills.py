# SPDX-License-Identifier: Apache-2.0
"""The pictures of each size, made once and kept as files for the camera's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from joint_perception.benchmark.pictures import Picture, pictures, pictures_of
from joint_perception.engine import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Size = tuple[int, int]
"""Width, height in pixels."""


class Stills:
    """Pictures by size.

    Args:
        folder: Where the camera's files go.
        count: Pictures of each size.
        files: Images to take in place of rendered ones.
    """

    def __init__(self, folder: Path, count: int, files: Sequence[Path] = ()) -> None:
        self._folder, self._count, self._files = folder, count, files
        self._made: dict[Size, list[Picture]] = {}

    def of(self, size: Size) -> list[Picture]:
        """The pictures of a size."""
        if size not in self._made:
            self._made[size] = pictures_of(self._files, *size) if self._files else pictures(*size, self._count)
        return self._made[size]

    def scaled(self, size: Size, source: Size) -> None:
        """Let the pictures of a size be those of another, scaled, without truth: rendering big ones takes long."""
        width, height = size
        self._made[size] = [
            Picture(
                Frame(
                    np.asarray(cv2.resize(picture.frame.image, size, interpolation=cv2.INTER_LINEAR), np.uint8),
                    picture.frame.camera.resized(width, height) if picture.frame.camera else None,
                ),
                picture.domain,
            )
            for picture in self.of(source)
        ]

    def files(self, sizes: list[Size]) -> dict[str, Path]:
        """Files as `camera.CameraProcess` takes them, by the name of the size."""
        found = {}
        for size in sizes:
            views = self.of(size)
            camera = views[0].frame.camera
            if camera is None:  # pictures() always gives one
                raise ValueError(f"the pictures of {name_of(size)} have no camera")
            path = self._folder / f"{name_of(size)}.npz"
            k = np.array([camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1.0])
            np.savez(path, images=np.stack([view.frame.image for view in views]), k=k)
            found[name_of(size)] = path
        return found


def name_of(size: Size) -> str:
    """As in tables and JSON: WIDTHxHEIGHT."""
    return f"{size[0]}x{size[1]}"


def parse_size(text: str) -> Size:
    """What `name_of` writes.

    Raises:
        ValueError: It is no size, or one too small for the network.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()) or min(int(width), int(height)) < 32:  # noqa: PLR2004
        raise ValueError(f"size {text!r} is no WIDTHxHEIGHT of at least 32 pixels, such as 640x480")
    return int(width), int(height)
