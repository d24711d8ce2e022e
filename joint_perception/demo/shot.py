# SPDX-License-Identifier: Apache-2.0
"""What the demonstration's camera sees at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from joint_perception.geometry import Pinhole


class DemoError(RuntimeError):
    """The demonstration cannot start, or did not get to its end."""


@dataclass(frozen=True)
class Truth:
    """What there is to be seen, where somebody knows it.

    Attributes:
        labels: (H, W) uint8 class ids, 255 where void.
        depth: (H, W) float32 metres along the optical axis, NaN where there is no surface.
        pose: (4, 4) float64 camera-to-world, of the optical frame; the world's z is up.
    """

    labels: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    pose: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """A picture and the camera that took it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        camera: Its intrinsics.
        truth: None for a picture of the user's.
    """

    image: npt.NDArray[np.uint8]
    camera: Pinhole
    truth: Truth | None = None
