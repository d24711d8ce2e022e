# SPDX-License-Identifier: Apache-2.0
"""Metres of one lens seen through another."""

from __future__ import annotations

import pytest

from joint_perception.geometry import Pinhole, focal_factor


def camera(fx, width):
    return Pinhole(fx, fx, width / 2, 100.0, width, 200)


def test_the_training_camera_needs_no_correction():
    assert focal_factor(camera(721.5, 1242), 1242, 721.5) == 1.0


def test_a_lens_of_twice_the_focal_length_makes_things_twice_as_far():
    assert focal_factor(camera(1443.0, 1242), 1242, 721.5) == pytest.approx(2.0)


def test_it_is_the_pixels_that_the_network_sees_that_count():
    # 640 pixels wide, seen by the network at 320: half the focal length in pixels.
    assert focal_factor(camera(500.0, 640), 320, 500.0) == pytest.approx(0.5)
    # The same camera at another resolution, seen at the same size, is the same.
    assert focal_factor(camera(1000.0, 1280), 320, 500.0) == pytest.approx(0.5)


@pytest.mark.parametrize(("width", "focal"), [(0, 500.0), (-1, 500.0), (640, 0.0), (640, float("nan"))])
def test_what_is_no_width_or_focal_length_is_refused(width, focal):
    with pytest.raises(ValueError, match="above zero"):
        focal_factor(camera(500.0, 640), width, focal)
