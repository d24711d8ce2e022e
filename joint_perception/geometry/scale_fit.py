# SPDX-License-Identifier: Apache-2.0
"""The factor between a predicted depth and a true one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.geometry.ground import fit_ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_ENOUGH = 100  # pixels
_GAUSSIAN = 1.4826  # a normal distribution's standard deviation over its median absolute deviation


class ScaleFitError(ValueError):
    """Too little to fit a scale to."""


@dataclass(frozen=True)
class ScaleFit:
    """A scale, and how sure it is.

    Attributes:
        scale: True depth over predicted depth: the median of the ratios.
        spread: Standard deviation of the ratios, estimated from their median absolute deviation.
        pixels: How many ratios there were.
    """

    scale: float
    spread: float
    pixels: int

    @classmethod
    def pooled(cls, fits: Sequence[ScaleFit]) -> ScaleFit:
        """The fit of several images: the median of their scales, each counting once, and the spread between them.

        Raises:
            ScaleFitError: There are none.
        """
        if not fits:
            raise ScaleFitError("no image gave a scale")
        if len(fits) == 1:
            return fits[0]
        scales = np.array([fit.scale for fit in fits])
        return cls(float(np.median(scales)), _spread(scales), sum(fit.pixels for fit in fits))


def fit_scale(predicted: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> ScaleFit:
    """Fit the scale of one image.

    Args:
        predicted: Metres, NaN where there are none; any shape.
        reference: True metres of the same shape; NaN, infinity or 0 where there are none.

    Raises:
        ScaleFitError: The shapes differ, or fewer than 100 pixels have both.
    """
    if predicted.shape != reference.shape:
        raise ScaleFitError(f"predicted depth is {predicted.shape} but the reference is {reference.shape}")
    both = np.isfinite(predicted) & np.isfinite(reference)
    both[both] = (predicted[both] > 0) & (reference[both] > 0)
    if both.sum() < _ENOUGH:
        raise ScaleFitError(
            f"only {both.sum()} pixels have a predicted and a reference depth; it takes {_ENOUGH}: check that the "
            "reference is registered to the image"
        )
    ratios = reference[both].astype(np.float64) / predicted[both]
    return ScaleFit(float(np.median(ratios)), _spread(ratios), int(both.sum()))


def fit_scale_to_ground(xyz: npt.NDArray[np.float32], camera_height: float) -> ScaleFit:
    """Fit the scale of one image to the known height of its camera over flat ground.

    Args:
        xyz: (N, 3) points of the ground, from the predicted depth.
        camera_height: Metres of the optical centre above the ground.

    Raises:
        ScaleFitError: The points are too few, or lie on no plane.
    """
    plane = fit_ground(xyz)
    if plane is None:
        raise ScaleFitError(f"{len(xyz)} points of the ground lie on no plane; let the camera see more of flat ground")
    # Along the ray of each point: where the plane that is camera_height below would be, over where it is.
    below = -(xyz[np.isfinite(xyz).all(axis=-1)] @ np.array(plane.normal, np.float32))
    ratios = camera_height / below[below > 0].astype(np.float64)
    return ScaleFit(camera_height / plane.offset, _spread(ratios), len(ratios))


def _spread(values: npt.NDArray[np.float64]) -> float:
    return float(_GAUSSIAN * np.median(np.abs(values - np.median(values))))
