# SPDX-License-Identifier: Apache-2.0
"""Pictures in order of time: of a video file, a stream, a camera or a folder."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from joint_perception.offline.files import ImageFileError, read_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
"""Of the files in a folder that are taken for pictures."""
DEFAULT_RATE = 10.0  # pictures a second, of folders and of videos that do not tell


class Shown(NamedTuple):
    """A picture of some footage.

    Attributes:
        time: Nanoseconds since 1970: of a file, from its modification time on; of a camera, when it was read.
        image: (H, W, 3) uint8 RGB.
    """

    time: int
    image: npt.NDArray[np.uint8]


class Footage:
    """Opens a video, a stream, a camera or a folder of pictures.

    Args:
        source: Path of a video file or a folder; the number or path of a camera (`0`, `/dev/video0`); or a URL.
        rate: Pictures a second, in place of what a file says.
        every: Every n-th picture.

    Attributes:
        rate: Pictures a second of those that are given.
        count: How many there are; None where nobody can know.
        problems: Pictures that could not be read.

    Raises:
        ImageFileError: It cannot be opened.
    """

    def __init__(self, source: str, rate: float | None = None, every: int = 1) -> None:
        if rate is not None and not 0 < rate < math.inf:
            raise ImageFileError(f"--rate is {rate}; a number of pictures a second is above zero")
        if every < 1:
            raise ImageFileError(f"--every is {every}; it is 1 or more")
        self._source, self._every = source, every
        self.problems: list[str] = []
        path = Path(source)
        self._files: list[Path] = []
        self._capture: cv2.VideoCapture | None = None
        self._live = source.isdecimal() or "://" in source or path.is_char_device()
        self._begin = time.time_ns() if self._live or not path.exists() else path.stat().st_mtime_ns
        own, count = DEFAULT_RATE, None
        if path.is_dir():
            self._files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            if not self._files:
                raise ImageFileError(f"folder {source!r} holds no pictures ({', '.join(SUFFIXES)}); name another one")
            count = len(self._files)
        else:
            self._capture, own, count = self._open()
        self._own_rate = rate or own
        self.rate = self._own_rate / every
        self.count = None if count is None else -(-count // every)

    def __iter__(self) -> Iterator[Shown]:
        """The pictures."""
        pictures = self._of_folder() if self._capture is None else self._of_video(self._capture)
        for index, image in pictures:
            begin = time.time_ns() if self._live else self._begin + round(index * 1e9 / self._own_rate)
            yield Shown(begin, image)

    def close(self) -> None:
        """Close the video."""
        if self._capture is not None:
            self._capture.release()

    def _open(self) -> tuple[cv2.VideoCapture, float, int | None]:
        source = self._source
        if not self._live and not Path(source).is_file():
            raise ImageFileError(f"input {source!r} is neither a file nor a folder, a URL or a camera; check the path")
        capture = cv2.VideoCapture(int(source)) if source.isdecimal() else cv2.VideoCapture(source)
        if not capture.isOpened():
            remedy = (
                "check that it is there and free" if self._live else "convert it to MP4, or to a folder of pictures"
            )
            raise ImageFileError(f"input {source!r} cannot be opened by OpenCV as a video; {remedy}")
        rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        known = math.isfinite(rate) and rate > 0
        return capture, rate if known else DEFAULT_RATE, int(count) if count > 0 and not self._live else None

    def _of_folder(self) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        for index, file in enumerate(self._files):
            if index % self._every == 0:
                try:
                    yield index, read_image(file)
                except ImageFileError as error:
                    self.problems.append(str(error))

    def _of_video(self, capture: cv2.VideoCapture) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        index = 0
        while capture.grab():
            if index % self._every == 0:
                decoded, bgr = capture.retrieve()
                if not decoded:
                    self.problems.append(f"input {self._source!r}: picture {index} cannot be decoded; it is left out")
                else:
                    yield index, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
            index += 1
        if index == 0:
            self.problems.append(f"input {self._source!r} is a video without pictures")
