# SPDX-License-Identifier: Apache-2.0
"""The network's input against the formula in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image

from joint_perception.engine.preprocess import to_input

CPU = torch.device("cpu")
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def test_every_grey_level_is_normalised_as_the_formula_says():
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)

    x = to_input([image], CPU).numpy()

    assert x.shape == (1, 3, 16, 16)
    assert x.dtype == np.float32
    exact = (image.astype(np.float64) / 255 - MEAN) / STD
    np.testing.assert_allclose(x[0].transpose(1, 2, 0), exact, rtol=0, atol=1e-5)


def test_channels_stay_red_green_blue():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255

    x = to_input([red], CPU)[0, :, 0, 0].numpy()

    np.testing.assert_allclose(x, [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], atol=1e-5)


def test_images_are_stacked_in_order_and_lie_channels_last():
    images = [formula_image(20, 30), formula_image(20, 30)[::-1], formula_image(20, 30)[:, ::-1]]  # views, too

    x = to_input(images, CPU)

    assert x.is_contiguous(memory_format=torch.channels_last)
    for row, image in zip(x.numpy(), images, strict=True):
        exact = (image.astype(np.float64) / 255 - MEAN) / STD
        np.testing.assert_allclose(row.transpose(1, 2, 0), exact, rtol=0, atol=1e-5)


def test_the_images_themselves_stay_as_they_are():
    image = formula_image(20, 30)
    before = image.copy()

    to_input([image], CPU).zero_()

    np.testing.assert_array_equal(image, before)


def test_halving_a_checkerboard_gives_its_mean():
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)
    image = np.repeat(board[..., None], 3, axis=2)

    x = to_input([image], CPU, (32, 32)).numpy()[0].transpose(1, 2, 0)

    levels = (x * STD + MEAN) * 255
    # Antialiased: each pixel is a mean over its neighbourhood; without that, aliases of 0 and 200 remain.
    np.testing.assert_allclose(levels[2:-2, 2:-2], 100, atol=1e-3)


@pytest.mark.parametrize("size", [(40, 20), (10, 90), (37, 53)])
def test_a_slope_stays_a_slope_in_another_size(size):
    width = 60
    image = np.zeros((24, width, 3), np.uint8)
    image[...] = (np.arange(width) * 4)[None, :, None]

    x = to_input([image], CPU, size).numpy()[0].transpose(1, 2, 0)

    assert x.shape == (*size, 3)
    levels = (x * STD + MEAN) * 255
    centres = (np.arange(size[1]) + 0.5) * width / size[1] - 0.5  # of the new pixels in the old image's columns
    inner = (centres > 3.5) & (centres < width - 4.5)  # at the edges the mean is one-sided
    slope = np.broadcast_to((centres[inner] * 4)[None, :, None], levels[:, inner].shape)
    np.testing.assert_allclose(levels[:, inner], slope, atol=0.5)  # an eighth of a pixel: the kernel is a sampled one


def test_the_size_it_has_changes_nothing():
    image = formula_image(32, 48)

    assert torch.equal(to_input([image], CPU, (32, 48)), to_input([image], CPU))
