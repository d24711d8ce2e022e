# SPDX-License-Identifier: Apache-2.0
"""An image and its camera_info, turned into a frame."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from joint_perception.engine import Frame
from joint_perception.geometry import CameraModelError, is_distorted
from joint_perception.pipeline import compressed, images
from joint_perception.pipeline.camera_info import camera_info_for, pinhole_from_camera_info
from joint_perception.pipeline.errors import FrameError
from joint_perception.pipeline.rectification import Rectification

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image
    from std_msgs.msg import Header

    from joint_perception.pipeline.settings import Settings


class Pair(NamedTuple):
    """An image, and the camera_info that belongs to it."""

    image: Image | CompressedImage
    info: CameraInfo

    @property
    def header(self) -> Header:
        """The image's."""
        return self.image.header


class CameraFrame(NamedTuple):
    """A decoded frame with what its outputs must carry.

    Attributes:
        header: The image's.
        info: The camera_info of the outputs, of the image's size.
        frame: What the engine takes.
    """

    header: Header
    info: CameraInfo
    frame: Frame


class FrameMaker:
    """Decodes and, where wanted, rectifies the images of one camera.

    Args:
        settings: Of the camera; `rectify` is read at each frame.
        logger: Is told, once, of a distortion that nobody takes out.
        image_topic: Of the camera, for messages.
        info_topic: Of its camera_info.
        decode: Makes (H, W, 3) uint8 RGB of a raw image message, or raises FrameError.
    """

    def __init__(
        self,
        settings: Settings,
        logger: Any,
        image_topic: str,
        info_topic: str,
        decode: Callable[[Image], npt.NDArray[np.uint8]] = images.to_rgb,
    ) -> None:
        self._settings, self._logger = settings, logger
        self._image_topic, self._info_topic = image_topic, info_topic
        self._decode = decode
        self._rectification = Rectification()
        self._warned = False

    def __call__(self, pair: Pair) -> CameraFrame:
        """Turn a pair into a frame.

        Raises:
            FrameError: The image or its camera_info is unusable.
        """
        image, info = pair
        rgb = compressed.to_rgb(image) if hasattr(image, "format") else self._decode(image)
        height, width = rgb.shape[:2]
        try:
            if self._settings["rectify"]:
                rgb, camera, info = self._rectification(rgb, info)
            else:
                camera = pinhole_from_camera_info(info, width, height)
                self._warn_of_distortion(info)
                info = camera_info_for(info, camera)
        except CameraModelError as error:
            raise FrameError("bad_camera_info", f"{self._info_topic}: {error}") from error
        if info.header != image.header:  # one that came before: who pairs it with an output looks at the stamp
            info = copy.copy(info)
            info.header = image.header
        return CameraFrame(image.header, info, Frame(rgb, camera))

    def _warn_of_distortion(self, info: CameraInfo) -> None:
        # image_proc hands on D with its rectified images, whose topics it calls image_rect*.
        rectified = "rect" in self._image_topic.rpartition("/")[2]
        if self._warned or rectified or not is_distorted(info.distortion_model, info.d):
            return
        self._warned = True
        self._logger.warning(
            f"the camera of {self._image_topic} has a distortion (D in {self._info_topic}); if these images are not "
            "rectified, set rectify to true, or subscribe to a rectified topic: points are out of place otherwise"
        )
