# SPDX-License-Identifier: Apache-2.0
"""What may be a frame."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.engine import Frame
from joint_perception.geometry import Pinhole


def camera(width, height):
    return Pinhole(100.0, 100.0, width / 2, height / 2, width, height)


def test_a_frame_may_have_a_camera_of_its_size_or_none():
    image = np.zeros((3, 5, 3), np.uint8)

    assert Frame(image).camera is None
    assert Frame(image, camera(5, 3)).camera == camera(5, 3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 5), np.uint8),
        np.zeros((3, 5, 4), np.uint8),
        np.zeros((3, 5, 1), np.uint8),
        np.zeros((1, 3, 5, 3), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((3, 0, 3), np.uint8),
        np.zeros((3, 5, 3), np.float32),
        np.zeros((3, 5, 3), np.int8),
        np.zeros((), np.uint8),
    ],
    ids=lambda image: f"{image.shape}-{image.dtype}",
)
def test_what_is_no_rgb_image_is_refused_by_shape_and_type(image):
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8 RGB") as caught:
        Frame(image)

    assert str(image.shape) in str(caught.value)
    assert str(image.dtype) in str(caught.value)


@pytest.mark.parametrize(("width", "height"), [(3, 5), (10, 6), (5, 4)])
def test_a_camera_of_another_size_is_refused_with_both_sizes(width, height):
    with pytest.raises(ValueError, match=rf"{width}x{height} but the image is 5x3; use camera\.fitted"):
        Frame(np.zeros((3, 5, 3), np.uint8), camera(width, height))
