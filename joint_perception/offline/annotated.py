# SPDX-License-Identifier: Apache-2.0
"""A frame for the eye, in a video: labels over the image beside the depth, both on a scale that does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from joint_perception.domains.overlay import overlay
from joint_perception.offline.panel import depth_picture

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.engine import Prediction

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK, _PAPER = (235, 235, 235), (24, 24, 24)
_STRIP, _SWATCH, _GAP = 24, 12, 10  # pixels
_SHARE_SHOWN = 0.01  # of the image, from which a class gets into the legend
_NEAREST = 0.3  # metres; a scale of ratios needs an end above zero


def annotated(
    image: npt.NDArray[np.uint8], prediction: Prediction, domain: Domain, limits: tuple[float, float]
) -> npt.NDArray[np.uint8]:
    """Draw a frame.

    Args:
        image: (H, W, 3) uint8 RGB.
        prediction: Of it.
        domain: Of its labels.
        limits: Depths in metres at the ends of the scale.

    Returns:
        (H + 24, 2 W, 3) uint8 RGB: the labels' colours over the image, with the classes that cover a hundredth of it or
        more, the largest first; the depth, near red, far blue, black where there is none.
    """
    near, far = max(limits[0], _NEAREST), max(limits[1], 2 * _NEAREST)
    depth, _ = depth_picture(prediction.depth, (near, far))
    colored = overlay(image, domain.colorize(prediction.labels), prediction.labels)
    height, width = image.shape[:2]
    picture = np.full((height + _STRIP, 2 * width, 3), _PAPER, np.uint8)
    picture[_STRIP:, :width], picture[_STRIP:, width:] = colored, depth
    _legend(picture, prediction.labels, domain, width)
    text = f"depth, {near:.1f} to {far:.0f} m (near is red)"
    cv2.putText(picture, text, (width + 6, _STRIP - 8), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    return picture


def _legend(picture: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], domain: Domain, width: int) -> None:
    counts = np.bincount(labels.ravel(), minlength=256)[: domain.num_classes]
    left = 6
    for i in np.argsort(-counts):
        name = domain.class_names[i]
        wide = _SWATCH + 4 + cv2.getTextSize(name, _FONT, 0.42, 1)[0][0]
        if counts[i] < _SHARE_SHOWN * labels.size or left + wide > width:
            return
        top = (_STRIP - _SWATCH) // 2
        cv2.rectangle(picture, (left, top), (left + _SWATCH, top + _SWATCH), domain.palette[i].tolist(), -1)
        cv2.putText(picture, name, (left + _SWATCH + 4, _STRIP - 8), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
        left += wide + _GAP
