# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera of a rectified image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

# Sizes that come from one another by an integer division keep their aspect ratio up to a pixel.
_ASPECT_TOLERANCE_PX = 1.0
# Slope against the optical axis of the outermost ray, 89.99 degrees, and focal length in image sizes: beyond these a
# value is damaged, and would make infinite points out of finite depths.
_MAX_SLOPE = 1e4
_MAX_FOCAL = 1e6


class CameraModelError(ValueError):
    """Intrinsics that do not describe a camera, or not one of this image."""


@dataclass(frozen=True)
class Pinhole:
    """A pinhole camera without distortion; frame by REP-103 (x right, y down, z forward).

    Attributes:
        fx: Focal length in pixels along the rows.
        fy: Focal length in pixels along the columns.
        cx: Principal point in pixels; the centre of the top left pixel is (0, 0).
        cy: As cx.
        width: Width in pixels of the image these belong to.
        height: Its height in pixels.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        """Refuse what is no camera.

        Raises:
            CameraModelError: A value is NaN or infinite, a focal length or a size is not above zero, or they put the
                image beside the view of any pinhole camera.
        """
        values = {"fx": self.fx, "fy": self.fy, "cx": self.cx, "cy": self.cy}
        if bad := [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]:
            raise CameraModelError(f"camera intrinsics are not finite: {', '.join(bad)}; calibrate the camera")
        if self.fx <= 0 or self.fy <= 0:
            raise CameraModelError(
                f"camera focal lengths are fx = {self.fx:g}, fy = {self.fy:g}; they must be above zero. "
                "All zeros mean an uncalibrated camera (REP-104): calibrate it, or publish its camera_info"
            )
        if self.width <= 0 or self.height <= 0:
            raise CameraModelError(f"camera image size is {self.width}x{self.height}; it must be above zero")
        for f, c, size in ((self.fx, self.cx, self.width), (self.fy, self.cy, self.height)):
            if max(abs(c), abs(size - c)) > _MAX_SLOPE * f or f > _MAX_FOCAL * size:
                raise CameraModelError(
                    f"camera intrinsics are fx = {self.fx:g}, fy = {self.fy:g}, cx = {self.cx:g}, cy = {self.cy:g} "
                    f"for {self.width}x{self.height} pixels, which is no camera; calibrate it"
                )

    @classmethod
    def from_matrices(cls, k: Sequence[float], p: Sequence[float], width: int, height: int) -> Pinhole:
        """Build from the matrices of a sensor_msgs/CameraInfo.

        P holds for the rectified image and is used when it is non-zero, else K. A P with a baseline (a
        stereo pair's right camera) is read without it, as depth_image_proc does: depth is measured from
        this camera's own optical centre.

        Args:
            k: 3x3 row-major intrinsics of the raw image; 9 values.
            p: 3x4 row-major projection of the rectified image; 12 values.
            width: Image width in pixels that they belong to.
            height: Image height.

        Raises:
            CameraModelError: See `Pinhole`; or the matrices have another number of values.
        """
        if len(k) != 9 or len(p) != 12:  # noqa: PLR2004
            raise CameraModelError(f"K has {len(k)} values and P has {len(p)}; camera_info has 9 and 12")
        if any(value != 0 for value in p):  # NaN counts as non-zero, and is refused below
            fx, _, cx, _, _, fy, cy, *_ = p
        else:
            fx, _, cx, _, fy, cy, *_ = k
        return cls(float(fx), float(fy), float(cx), float(cy), int(width), int(height))

    def cropped(self, x: int, y: int, width: int, height: int) -> Pinhole:
        """The camera of the window of that size whose top left pixel is (x, y)."""
        return replace(self, cx=self.cx - x, cy=self.cy - y, width=width, height=height)

    def resized(self, width: int, height: int) -> Pinhole:
        """The camera of the same view in another size; pixel edges, not centres, keep their place."""
        sx, sy = width / self.width, height / self.height
        return Pinhole(
            self.fx * sx, self.fy * sy, (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5, width, height
        )

    def fitted(self, width: int, height: int) -> Pinhole:
        """The camera of an image of that size, provided it can show the same view.

        Raises:
            CameraModelError: The aspect ratios differ: the image is a crop nobody told of.
        """
        if (width, height) == (self.width, self.height):
            return self
        off = min(abs(height - self.height * width / self.width), abs(width - self.width * height / self.height))
        if off > _ASPECT_TOLERANCE_PX:
            raise CameraModelError(
                f"camera_info is for {self.width}x{self.height} but the image is {width}x{height}, another "
                "aspect ratio; publish the camera_info of this image, or its binning and roi"
            )
        return self.resized(width, height)

    def rays(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Direction of each column and row: x / z as (width,) and y / z as (height,) float32."""
        x = (np.arange(self.width, dtype=np.float64) - self.cx) / self.fx
        y = (np.arange(self.height, dtype=np.float64) - self.cy) / self.fy
        return x.astype(np.float32), y.astype(np.float32)
