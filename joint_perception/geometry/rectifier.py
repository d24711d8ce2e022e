# SPDX-License-Identifier: Apache-2.0
"""A lens's distortion, taken out of its images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.geometry.pinhole import CameraModelError, Pinhole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

# Names of sensor_msgs/distortion_models.hpp, and how many coefficients each can have.
_COEFFICIENTS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}

_ROUNDING = 1 / 64  # pixels: half a step of the tables


def is_distorted(model: str, d: Sequence[float]) -> bool:
    """Whether a camera_info tells of a distortion: an equidistant lens always is, others where D is not zero."""
    return (model == "equidistant" and len(d) > 0) or any(value != 0 for value in d)


class Rectifier:
    """Undistorts and rotates images of one camera, as image_proc does; its tables are made once.

    Args:
        model: `plumb_bob`, `rational_polynomial` or `equidistant`; empty counts as plumb_bob.
        d: The model's coefficients: k1 k2 p1 p2 (k3), the same and k4 k5 k6 ..., or k1 to k4. Empty: none.
        k: 3x3 row-major intrinsics of the raw image.
        r: 3x3 row-major rotation to the rectified camera; all zero counts as none.
        p: 3x4 row-major projection of the rectified image; all zero: the raw image's intrinsics.
        width: Width in pixels of the images.
        height: Their height.

    Attributes:
        camera: The camera of the rectified images.
        valid: (H, W) bool: pixels that come from inside the raw image.

    Raises:
        CameraModelError: Another model, another number of coefficients, or values that are not finite.
    """

    def __init__(
        self,
        model: str,
        d: Sequence[float],
        k: Sequence[float],
        r: Sequence[float],
        p: Sequence[float],
        width: int,
        height: int,
    ) -> None:
        import cv2  # noqa: PLC0415 (whoever rectifies nothing needs no OpenCV)

        self._of = _key(model, d, k, r, p, width, height)
        model = model or "plumb_bob"
        if model not in _COEFFICIENTS:
            raise CameraModelError(
                f"distortion model is {model!r}; it can be {', '.join(_COEFFICIENTS)}. Publish one of these, or "
                "rectify elsewhere and set rectify to false"
            )
        coefficients = list(d) or [0.0] * _COEFFICIENTS[model][0]
        if len(coefficients) not in _COEFFICIENTS[model]:
            numbers = " or ".join(map(str, _COEFFICIENTS[model]))
            raise CameraModelError(f"D has {len(d)} values but {model} takes {numbers}; calibrate the camera")
        if not all(math.isfinite(value) for value in (*coefficients, *r)):
            raise CameraModelError(f"D is {coefficients} and R {list(r)}; they must be finite: calibrate the camera")
        raw = Pinhole.from_matrices(k, [0.0] * 12, width, height)
        self.camera = Pinhole.from_matrices(k, p, width, height)
        rotation = np.array(r, np.float64).reshape(3, 3) if any(r) else np.eye(3)
        arguments: tuple[Any, ...] = (
            _matrix(raw),
            np.array(coefficients, np.float64),
            rotation,
            _matrix(self.camera),
            (width, height),
            cv2.CV_32FC1,
        )
        if model == "equidistant":
            x, y = cv2.fisheye.initUndistortRectifyMap(*arguments)
        else:
            x, y = cv2.initUndistortRectifyMap(*arguments)
        low, right, bottom = -_ROUNDING, width - 1 + _ROUNDING, height - 1 + _ROUNDING
        self.valid: npt.NDArray[np.bool_] = (x >= low) & (x <= right) & (y >= low) & (y <= bottom)
        # Fixed point is several times as fast, exact to 1/32 of a pixel.
        self._maps = cv2.convertMaps(x, y, cv2.CV_16SC2)

    def fits(
        self,
        model: str,
        d: Sequence[float],
        k: Sequence[float],
        r: Sequence[float],
        p: Sequence[float],
        width: int,
        height: int,
    ) -> bool:
        """Whether these are the values it was made of."""
        return self._of == _key(model, d, k, r, p, width, height)

    def rectify(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The image as the pinhole camera would have taken it, bilinear; black where the raw image ends.

        Args:
            image: (H, W, 3) uint8.

        Raises:
            ValueError: An image of another size.
        """
        if image.shape[:2] != self.valid.shape:
            raise ValueError(
                f"image is {image.shape[1]}x{image.shape[0]} but the camera's are {self.valid.shape[1]}x"
                f"{self.valid.shape[0]}"
            )
        import cv2  # noqa: PLC0415

        return np.asarray(cv2.remap(image, *self._maps, cv2.INTER_LINEAR), dtype=np.uint8)


def _key(model: str, *values: Any) -> tuple[Any, ...]:
    return (model, *(tuple(map(float, v)) if np.ndim(v) else v for v in values))


def _matrix(camera: Pinhole) -> npt.NDArray[np.float64]:
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]], np.float64)
