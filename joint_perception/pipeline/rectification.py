# SPDX-License-Identifier: Apache-2.0
"""A camera's distortion, taken out of its images as its camera_info says."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from joint_perception.geometry import Rectifier
from joint_perception.pipeline.camera_info import camera_matrices, no_roi

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from sensor_msgs.msg import CameraInfo

    from joint_perception.geometry import Pinhole

_IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


class Rectification:
    """Undistorts the images of one camera; the tables are computed anew only when its camera_info changes."""

    def __init__(self) -> None:
        self._rectifier: Rectifier | None = None

    def __call__(
        self, image: npt.NDArray[np.uint8], info: CameraInfo
    ) -> tuple[npt.NDArray[np.uint8], Pinhole, CameraInfo]:
        """Undistort an image.

        Args:
            image: (H, W, 3) uint8.
            info: Its camera_info.

        Returns:
            The rectified image, of the same size, its camera, and its camera_info: no distortion, no rotation.

        Raises:
            CameraModelError: The intrinsics or the distortion are unusable.
        """
        height, width = image.shape[:2]
        raw, rectified = camera_matrices(info, width, height)
        k = [raw.fx, 0.0, raw.cx, 0.0, raw.fy, raw.cy, 0.0, 0.0, 1.0]
        p = [rectified.fx, 0.0, rectified.cx, 0.0, 0.0, rectified.fy, rectified.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
        of = (info.distortion_model, list(info.d), k, list(info.r), p, width, height)
        if self._rectifier is None or not self._rectifier.fits(*of):
            self._rectifier = Rectifier(*of)
        told = copy.copy(info)
        told.width, told.height = width, height
        told.binning_x = told.binning_y = 0
        told.roi = no_roi(info.roi)
        told.distortion_model, told.d = "plumb_bob", [0.0] * 5
        told.k = [p[0], p[1], p[2], p[4], p[5], p[6], p[8], p[9], p[10]]
        told.r, told.p = _IDENTITY, p
        return self._rectifier.rectify(image), self._rectifier.camera, told
