# SPDX-License-Identifier: Apache-2.0
"""Image files in, result files out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from joint_perception.geometry import Pinhole, make_cloud, write_ply
from joint_perception.geometry.depth import to_millimetres
from joint_perception.offline.panel import draw_panel, overlay

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.engine import Frame, Prediction
    from joint_perception.geometry import Cloud

# Horizontal field of view of a camera nobody knows anything about.
_UNKNOWN_FOCAL_PER_WIDTH = 0.8
# Classes whose depth no sensor ever taught the network: they get no points.
EXCLUDED_CLASSES = ("sky",)


class ImageFileError(ValueError):
    """A file that is no image, or cannot be written."""


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Read an image file.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageFileError: There is no such file, or OpenCV cannot decode it.
    """
    if not path.is_file():
        raise ImageFileError(f"image {str(path)!r} is not a file; check the path")
    try:
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error as error:  # a header that promises more pixels than OpenCV takes
        raise ImageFileError(f"image {str(path)!r} is refused by OpenCV ({error.err}); give a smaller one") from error
    if bgr is None:
        raise ImageFileError(f"image {str(path)!r} cannot be decoded; give a PNG or JPEG file")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def write_image(path: Path, pixels: npt.NDArray[Any]) -> None:
    """Write (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB.

    Raises:
        ImageFileError: It cannot be written there.
    """
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels  # noqa: PLR2004
    try:
        written = cv2.imwrite(str(path), bgr)
    except cv2.error as error:
        raise ImageFileError(f"image {str(path)!r} cannot be written: {error}") from error
    if not written:
        raise ImageFileError(f"image {str(path)!r} cannot be written; check the folder and the free space")


def assumed_camera(domain: Domain, width: int, height: int, fx: float | None = None) -> Pinhole:
    """The camera of an image that came without one.

    Args:
        domain: Its training camera is assumed, scaled to the image's width, where `fx` is not known.
        width: Image width in pixels.
        height: Image height.
        fx: Focal length in pixels at this width.
    """
    if fx is None:
        fx = domain.focal_length_at(width) or _UNKNOWN_FOCAL_PER_WIDTH * width
    return Pinhole(fx, fx, (width - 1) / 2, (height - 1) / 2, width, height)


def cloud_of(frame: Frame, prediction: Prediction, domain: Domain) -> Cloud:
    """The cloud of a frame that has a camera, without the classes that have no measurable depth."""
    if frame.camera is None:
        raise ValueError("a cloud needs the camera of its image; give the frame one")
    excluded = [i for i, name in enumerate(domain.class_names) if name in EXCLUDED_CLASSES]
    return make_cloud(frame.image, prediction.labels, prediction.depth, prediction.confidence, frame.camera, excluded)


def write_results(folder: Path, stem: str, frame: Frame, prediction: Prediction, domain: Domain) -> list[Path]:
    """Write what a frame became.

    Args:
        folder: Where to; made if absent.
        stem: What the files' names begin with.
        frame: The frame, with its camera.
        prediction: What the engine said of it.
        domain: What the labels mean.

    Returns:
        The files: `<stem>_label.png` (ids), `<stem>_depth.png` (uint16 millimetres, 0 invalid),
        `<stem>_overlay.png`, `<stem>_panel.png` and `<stem>.ply`.

    Raises:
        ImageFileError: One cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cloud = cloud_of(frame, prediction, domain)
    images: dict[str, npt.NDArray[Any]] = {
        "label": prediction.labels,
        "depth": to_millimetres(prediction.depth),
        "overlay": overlay(frame.image, domain.colorize(prediction.labels), prediction.labels),
        "panel": draw_panel(frame, prediction, cloud, domain),
    }
    written = []
    for kind, pixels in images.items():
        path = folder / f"{stem}_{kind}.png"
        write_image(path, pixels)
        written.append(path)
    ply = folder / f"{stem}.ply"
    write_ply(cloud, ply)
    return [*written, ply]
