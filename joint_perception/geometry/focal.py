# SPDX-License-Identifier: Apache-2.0
"""Metres of one lens, seen through another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joint_perception.geometry.pinhole import Pinhole


def focal_factor(camera: Pinhole, network_width: int, training_focal: float) -> float:
    """What a monocular network's depth is multiplied by for another camera than it was trained with.

    One image does not tell the lens: what is twice as large in pixels is half as far, or seen through a lens of
    twice the focal length. A network knows only the lens it learnt with, so that its metres scale with the
    focal length in the pixels that it sees (Facil et al., "CAM-Convs", CVPR 2019).

    Args:
        camera: The camera of the image.
        network_width: Width in pixels that the image has when the network sees it.
        training_focal: Focal length in pixels of the training images as the network saw them.

    Raises:
        ValueError: A width or focal length that is not above zero.
    """
    if network_width <= 0 or not training_focal > 0:
        raise ValueError(
            f"network width is {network_width} and training focal length {training_focal}; both must be above zero"
        )
    return camera.fx * network_width / camera.width / training_focal
