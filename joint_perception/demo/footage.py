# SPDX-License-Identifier: Apache-2.0
"""The user's own pictures, folders of pictures and videos, as what a camera sees."""

from __future__ import annotations

import math
from itertools import chain, islice
from typing import TYPE_CHECKING

import cv2
import numpy as np

from joint_perception.demo.shot import Shot
from joint_perception.domains import KITTI, NYUD, get_domain
from joint_perception.offline.files import ImageFileError, assumed_camera, read_image
from joint_perception.offline.footage import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.geometry import Pinhole

    Picture = npt.NDArray[np.uint8]

_WIDE = 2.0  # aspect ratio from which a picture is taken for one of KITTI's


def shots(inputs: Sequence[Path], count: int, rate: float, domain: str = "") -> Iterator[Shot]:
    """What a camera sees that is shown all of it, at most so many frames.

    Picture files alone share the frames among them. Otherwise everything is played one after the other: the
    pictures of a folder by name, a frame each; a video at its own speed.

    Args:
        inputs: Picture files, folders and video files.
        count: Number of frames.
        rate: Frames a second.
        domain: Name of the domain whose training camera is assumed; where that is unknown, KITTI's for wide
            pictures and NYUD's for others.

    Raises:
        ImageFileError: There is no such file, or it cannot be decoded.
    """
    if all(_is_picture(path) for path in inputs):
        pictures: Iterable[Picture] = _shared(inputs, count)
    else:
        pictures = islice(chain.from_iterable(_pictures(path, rate) for path in inputs), count)
    last = None
    for picture in pictures:
        if last is None or last.image is not picture:
            last = Shot(picture, _camera(picture, domain))
        yield last


def check(inputs: Sequence[Path], count: int, rate: float) -> None:
    """Complain now about files that cannot be read, rather than in the middle.

    Raises:
        ImageFileError: As `shots`; of a video only the first frame is looked at.
    """
    for path in inputs:
        most = count if path.is_dir() else 1
        for _ in islice(_pictures(path, rate), most):
            pass


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def _shared(paths: Sequence[Path], count: int) -> Iterator[Picture]:
    most = max(count, len(paths))  # each at least once
    for i, path in enumerate(paths):
        picture = read_image(path)
        for _ in range(most * i // len(paths), most * (i + 1) // len(paths)):
            yield picture


def _pictures(path: Path, rate: float) -> Iterator[Picture]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if _is_picture(file))
        if not files:
            raise ImageFileError(f"folder {str(path)!r} holds no pictures ({', '.join(SUFFIXES)}); name another one")
        yield from map(read_image, files)
    elif _is_picture(path):
        yield read_image(path)
    else:
        yield from _video(path, rate)


def _video(path: Path, rate: float) -> Iterator[Picture]:
    if not path.is_file():
        raise ImageFileError(f"input {str(path)!r} is neither a file nor a folder; check the path")
    capture = cv2.VideoCapture(str(path))
    try:
        own_rate = capture.get(cv2.CAP_PROP_FPS) if capture.isOpened() else math.nan
        step = own_rate / rate if math.isfinite(own_rate) and own_rate > 0 else 1.0
        index, wanted = 0, 0.0
        while capture.grab():
            if wanted < index + 1:
                decoded, bgr = capture.retrieve()
                if not decoded:
                    break
                picture = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
                while wanted < index + 1:  # again, where the video is slower than the camera
                    yield picture
                    wanted += step
            index += 1
    finally:
        capture.release()
    if wanted == 0:
        raise ImageFileError(
            f"input {str(path)!r} is no video that OpenCV can decode, nor a picture ({', '.join(SUFFIXES)}); "
            "convert it to MP4, or to a folder of pictures"
        )


def _camera(picture: Picture, domain: str) -> Pinhole:
    height, width = picture.shape[:2]
    known = get_domain(domain) if domain else None
    if known is None or known.focal_length is None:
        known = KITTI if width / height >= _WIDE else NYUD
    return assumed_camera(known, width, height)
