# SPDX-License-Identifier: Apache-2.0
"""RTAB-Map: rgb, depth and camera_info that it synchronises by exact stamp, on one scale for ever."""

from __future__ import annotations

import numpy as np
import pytest
from ros_graph import camera_info, picture

# rtabmap_conversions/MsgConversion.cpp
RGB_ENCODINGS = {"mono8", "mono16", "rgb8", "bgr8", "rgba8", "bgra8", "bayer_grbg8", "bayer_rggb8"}
DEPTH_ENCODINGS = {"32FC1", "16UC1", "mono16"}

# What lies this far from a pixel has no say in it: half of what the network sees, 851 columns when measured.
HEIGHT, WIDTH, PATCH, OUT_OF_SIGHT = 32, 1280, 96, 1024


def test_the_camera_of_these_tests_is_one_that_it_takes(scene):
    assert scene.image.encoding in RGB_ENCODINGS


def test_depth_is_of_the_size_of_the_picture_in_an_encoding_that_it_takes(scene):
    depth = scene.outputs["depth"]

    assert depth.encoding in DEPTH_ENCODINGS
    assert (depth.width, depth.height) == (scene.image.width, scene.image.height)


def test_picture_depth_and_camera_info_have_one_stamp_and_one_frame(scene):
    assert scene.outputs["depth"].header == scene.image.header
    assert scene.outputs["camera_info"].header == scene.image.header


def test_the_label_colours_can_stand_in_for_the_picture(scene):
    for output in ("label_color", "overlay"):
        assert scene.outputs[output].encoding in RGB_ENCODINGS
        assert scene.outputs[output].header == scene.outputs["depth"].header


def test_the_same_picture_has_the_same_depth_whatever_was_seen_between(scene):
    station, outputs = scene.station, ("depth", "label")
    station.show(np.full_like(scene.pixels, 255), camera_info(168, 120), outputs)

    again = station.show(scene.pixels, camera_info(168, 120), outputs)

    for output in outputs:
        assert again.outputs[output].data.tobytes() == scene.outputs[output].data.tobytes()


@pytest.fixture(scope="module")
def patched(stations):
    """A wide grey picture, and one with blocks of every colour at its left end."""
    plain = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    colourful = plain.copy()
    colourful[:, :PATCH] = picture(HEIGHT, PATCH, seed=3)
    return [
        stations["metres"].show(pixels, camera_info(WIDTH, HEIGHT), ("depth", "points"))
        for pixels in (plain, colourful)
    ]


def test_what_is_far_off_in_the_picture_does_not_change_the_scale(patched):
    plain, colourful = (scene.array("depth") for scene in patched)

    # The frame's own extremes did change, and so would every pixel, were depth normalised by them.
    assert np.nanmin(plain) > np.nanmin(colourful) + 1
    assert np.nanmax(plain) < np.nanmax(colourful) - 1
    assert np.nanstd(plain[:, OUT_OF_SIGHT:]) > 1
    np.testing.assert_array_equal(plain[:, OUT_OF_SIGHT:], colourful[:, OUT_OF_SIGHT:])


def test_nor_the_confidence(patched):
    plain, colourful = (scene.points["confidence"] for scene in patched)

    assert plain.max() < colourful.max()
    np.testing.assert_array_equal(plain[:, OUT_OF_SIGHT:], colourful[:, OUT_OF_SIGHT:])
