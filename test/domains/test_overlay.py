# SPDX-License-Identifier: Apache-2.0
"""Label colours over an image: the blend against floating point, and void left alone."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.domains.overlay import overlay


@pytest.fixture
def picture():
    rng = np.random.default_rng(5)
    image, colors = rng.integers(0, 256, (2, 31, 47, 3), dtype=np.uint8)
    image[:2], colors[1:3] = 255, 255  # 255 over 255 must stay 255
    return image, colors


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.25, 0.5, 0.6, 0.75, 1.0])
def test_the_blend_is_the_weighted_mean(picture, alpha):
    image, colors = picture

    blend = overlay(image, colors, np.zeros((31, 47), np.uint8), alpha)

    assert blend.dtype == np.uint8
    exact = (1 - alpha) * image.astype(float) + alpha * colors.astype(float)
    assert np.abs(blend - exact).max() <= 1.0  # rounding, and alpha to the nearest 256th
    assert (blend[1] == 255).all()


def test_the_ends_of_alpha_are_exact(picture):
    image, colors = picture
    labels = np.zeros((31, 47), np.uint8)

    assert np.array_equal(overlay(image, colors, labels, 0.0), image)
    assert np.array_equal(overlay(image, colors, labels, 1.0), colors)


def test_void_keeps_the_image_and_the_inputs_stay_as_they_were(picture):
    image, colors = picture
    before = image.copy(), colors.copy()
    labels = np.zeros((31, 47), np.uint8)
    labels[5:9, 7:20] = 255

    blend = overlay(image, colors, labels, 0.5)

    void = labels == 255
    assert np.array_equal(blend[void], image[void])
    assert not np.array_equal(blend[~void], image[~void])
    assert np.array_equal(image, before[0])
    assert np.array_equal(colors, before[1])
