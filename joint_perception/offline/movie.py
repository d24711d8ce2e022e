# SPDX-License-Identifier: Apache-2.0
"""An MP4 that is written picture by picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

    Picture = npt.NDArray[np.uint8]


class Movie:
    """An MP4 file.

    Args:
        path: The file.
        rate: Pictures a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def add(self, picture: Picture) -> None:
        """Append a picture; (H, W, 3) uint8 RGB. One of another size than the first is resized to it."""
        if self._writer is None:
            height, width = picture.shape[:2]
            self._size = (width // 2 * 2, height // 2 * 2)  # the codec wants even sizes
            code = cv2.VideoWriter.fourcc(*"mp4v")  # what every build of OpenCV with FFmpeg can write
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate, self._size)
        width, height = self._size
        if picture.shape[0] - height in (0, 1) and picture.shape[1] - width in (0, 1):
            picture = picture[:height, :width]
        else:
            picture = np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        self._writer.write(np.ascontiguousarray(picture[..., ::-1]))

    def close(self) -> bool:
        """Finish the file; whether there is one: not every OpenCV can write videos."""
        if self._writer is None:
            return False
        opened = self._writer.isOpened()
        self._writer.release()
        if not opened:
            self._path.unlink(missing_ok=True)
        return opened
