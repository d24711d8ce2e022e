# SPDX-License-Identifier: Apache-2.0
"""What goes into the engine and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.engine.device.resident import Resident
    from joint_perception.geometry import Pinhole

_CHANNELS = 3
# What a prediction can hold besides labels and depth, which it always does.
EVERYTHING = ("confidence", "normals")


@dataclass(frozen=True)
class Frame:
    """An image, and the camera that took it.

    Attributes:
        image: (H, W, 3) uint8 RGB, H and W above zero.
        camera: Its camera, of the same size; None where only labels and depth are wanted.
    """

    image: npt.NDArray[np.uint8]
    camera: Pinhole | None = None

    def __post_init__(self) -> None:
        """Refuse what is no RGB image.

        Raises:
            ValueError: Wrong shape or type, no pixels, or a camera of another size.
        """
        image = self.image
        if image.ndim != _CHANNELS or image.shape[2] != _CHANNELS or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"image is {image.shape} {image.dtype}; a frame takes (H, W, 3) uint8 RGB")
        if self.camera is not None and (self.camera.height, self.camera.width) != image.shape[:2]:
            raise ValueError(
                f"camera is for {self.camera.width}x{self.camera.height} but the image is "
                f"{image.shape[1]}x{image.shape[0]}; use camera.fitted(width, height)"
            )


@dataclass(frozen=True)
class Prediction:
    """What the network saw in a frame, at the frame's own size.

    Attributes:
        labels: (H, W) uint8 class ids of the domain.
        depth: (H, W) float32 metres along the optical axis; NaN outside the domain's depth range.
        confidence: (H, W) float32 0..1: softmax probability of the label; None where it was not wanted.
        normals: (H, W, 3) float32 unit vectors in the optical frame; None where they were not wanted or the
            network has no head for them.
        resident: The same on a GPU, for what is made of it there; None where nothing is.
    """

    labels: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32] | None
    normals: npt.NDArray[np.float32] | None = None
    resident: Resident | None = field(default=None, repr=False, compare=False)
