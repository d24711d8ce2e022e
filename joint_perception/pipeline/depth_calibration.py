# SPDX-License-Identifier: Apache-2.0
"""The scale of a camera's depth, from what else is known of its images: their true depth, or the ground below."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from joint_perception.engine import Frame
from joint_perception.geometry import CameraModelError, ScaleFit, ScaleFitError, fit_scale, fit_scale_to_ground
from joint_perception.pipeline import compressed, images
from joint_perception.pipeline.camera_info import pinhole_from_camera_info
from joint_perception.pipeline.depth_images import to_metres
from joint_perception.pipeline.errors import FrameError
from joint_perception.pipeline.labels import meaning
from joint_perception.pipeline.readings import focal_correction
from joint_perception.pipeline.rectification import Rectification

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from joint_perception.engine import Engine

_FAR = 1e4  # metres: the network's own limits would cut off what a wrong scale puts beyond them
_WAITING = 30  # images, and depth images, that wait for their partner


@dataclass(frozen=True)
class Known:
    """What is known besides the images.

    Attributes:
        camera_height: Metres of the optical centre above flat ground; None: there are reference depth images.
        floor_classes: Names of the classes that are this ground.
        focal_correction: As the parameter `depth.focal_correction`.
        rectify: As the parameter.
    """

    camera_height: float | None = None
    floor_classes: tuple[str, ...] = ()
    focal_correction: str | float = "auto"
    rectify: bool = False


class DepthCalibration:
    """Fits `depth.scale`, image by image.

    Args:
        engine: As the node will have it.
        known: What is known.

    Attributes:
        fits: Of each image so far.
    """

    def __init__(self, engine: Engine, known: Known) -> None:
        self._engine, self._known = engine, known
        self._rectification = Rectification()
        self.fits: list[ScaleFit] = []

    def add(self, image: Any, info: Any, reference: Any = None) -> ScaleFit:
        """Take an image.

        Args:
            image: A sensor_msgs/Image or CompressedImage, of rclpy or of rosbags.
            info: Its camera_info.
            reference: Its true depth, a sensor_msgs/Image registered to it; None: the ground is known.

        Raises:
            FrameError: A message is unusable.
            ScaleFitError: Too little of the image can be compared.
        """
        frame = self._frame(image, info)
        plain = self._engine.reading()
        scale = focal_correction(self._engine, plain.domain, self._known.focal_correction, frame)
        reading = replace(plain, depth_scale=scale, depth_range=(0.0, _FAR))
        prediction = self._engine.predict([frame], readings=[reading])[0]
        if self._known.camera_height is None:
            fit = fit_scale(prediction.depth, _of_size(to_metres(reference), prediction.depth.shape))
        else:
            ground = meaning(plain.domain, "").class_ids(self._known.floor_classes)
            fit = fit_scale_to_ground(_points(frame, prediction, ground), self._known.camera_height)
        self.fits.append(fit)
        return fit

    def result(self) -> ScaleFit:
        """Of all images.

        Raises:
            ScaleFitError: None gave a scale.
        """
        return ScaleFit.pooled(self.fits)

    def _frame(self, image: Any, info: Any) -> Frame:
        rgb = images.to_rgb(image) if hasattr(image, "encoding") else compressed.to_rgb(image)
        try:
            if self._known.rectify:
                rgb, camera, _ = self._rectification(rgb, info)
            else:
                camera = pinhole_from_camera_info(info, rgb.shape[1], rgb.shape[0])
        except CameraModelError as error:
            raise FrameError("bad_camera_info", str(error)) from error
        return Frame(rgb, camera)


class Trio:
    """Joins each image with the newest camera_info and, where wanted, the reference depth nearest in time.

    Args:
        slop: Seconds that the stamps of an image and its reference may differ.
        referenced: Whether there are references.
    """

    def __init__(self, slop: float, *, referenced: bool) -> None:
        self._slop, self._referenced = round(slop * 1e9), referenced
        self._info: Any = None
        self._images: deque[Any] = deque(maxlen=_WAITING)
        self._references: deque[Any] = deque(maxlen=_WAITING)

    def add_info(self, message: Any) -> None:
        """Take a camera_info."""
        self._info = message

    def add_image(self, message: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Take an image; the images, camera_infos and references that are complete now."""
        self._images.append(message)
        return self._complete()

    def add_reference(self, message: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Take a reference depth image; as `add_image`."""
        self._references.append(message)
        return self._complete()

    def _complete(self) -> Iterator[tuple[Any, Any, Any]]:
        if self._info is None:
            return
        if not self._referenced:
            while self._images:
                yield self._images.popleft(), self._info, None
            return
        for image in list(self._images):
            near = min(self._references, key=lambda other: abs(_stamp(other) - _stamp(image)), default=None)
            if near is not None and abs(_stamp(near) - _stamp(image)) <= self._slop:
                self._images.remove(image)
                self._references.remove(near)
                yield image, self._info, near


def _stamp(message: Any) -> int:
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


def _of_size(depth: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """The depth at an image's size: depths are picked, never mixed."""
    height, width = shape
    if depth.shape == shape:
        return depth
    if abs(depth.shape[0] * width - depth.shape[1] * height) > max(width, height):
        raise ScaleFitError(
            f"the reference is {depth.shape[1]}x{depth.shape[0]} but the image {width}x{height}, of another shape; "
            "name a depth topic that is registered to the image"
        )
    return np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.float32)


def _points(frame: Frame, prediction: Any, classes: list[int]) -> npt.NDArray[np.float32]:
    camera = frame.camera
    if camera is None:  # `_frame` never hands out one without
        raise ValueError("points need the camera of their image")
    rays_x, rays_y = camera.rays()
    rows, columns = np.nonzero(np.isin(prediction.labels, classes) & np.isfinite(prediction.depth))
    depth = prediction.depth[rows, columns]
    return np.stack((depth * rays_x[columns], depth * rays_y[rows], depth), axis=1)
