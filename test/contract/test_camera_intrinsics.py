# SPDX-License-Identifier: Apache-2.0
"""Metres belong to a lens: what the node makes of a camera unlike the one its weights were trained with.

Which intrinsics count, and how they are scaled, is in test_depth_image_proc.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from ros_graph import camera_info

KITTI_FX, KITTI_WIDTH = 721.5, 1242  # of the training images, which the network saw as they were
NETWORK_WIDTH = {"metres": 168, "millimetres": 128}  # of images 168 wide
FX = 400.0


@pytest.fixture
def shown(scene):
    """Show the scene's picture with the correction that is given, seen with a focal length of FX pixels."""
    station = scene.station

    def show(correction):
        station.set(depth__focal_correction=correction)
        return station.show(scene.pixels, camera_info(168, 120, fx=FX), ("depth", "label", "points", "camera_info"))

    yield show
    station.set(depth__focal_correction="off")


def test_depth_scales_with_the_focal_length_in_network_pixels_over_the_training_one(shown, scene):
    factor = FX * NETWORK_WIDTH[scene.station.name] / 168 / KITTI_FX
    # Where no limit of the range comes between, in metres: the domain's, and what fits 16 bits.
    off, auto = shown("off"), shown("auto")

    before, after = off.points["z"], auto.points["z"]
    there = np.isfinite(before) & np.isfinite(after)
    assert there.sum() > 1000
    np.testing.assert_allclose(after[there], before[there] * factor, rtol=1e-3)
    np.testing.assert_array_equal(off.array("label"), auto.array("label"))
    assert auto.outputs["camera_info"] == auto.info, "the lens itself is told as it is"


def test_a_factor_of_the_users_counts(shown):
    off, halved = shown("off"), shown(0.5)

    before, after = off.points["z"], halved.points["z"]
    there = np.isfinite(before) & np.isfinite(after)
    assert there.sum() > 1000
    np.testing.assert_allclose(after[there], before[there] / 2, rtol=1e-5)


def test_the_same_pixels_are_believed_through_any_lens(shown):
    """Depth beyond what the weights were taught has no points: that limit is theirs, not the lens's."""
    off, auto = shown("off"), shown("auto")

    believed = [np.isfinite(scene.points["z"]) for scene in (off, auto)]
    assert (~believed[0]).any()
    assert np.mean(believed[0] != believed[1]) < 0.01
