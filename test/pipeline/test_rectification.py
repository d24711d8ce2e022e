# SPDX-License-Identifier: Apache-2.0
"""A camera_info's distortion taken out, and the camera_info of what is left."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from joint_perception.geometry import CameraModelError
from joint_perception.pipeline.rectification import Rectification

sensor_msgs = pytest.importorskip("sensor_msgs.msg")
WIDTH, HEIGHT = 96, 64
D = [-0.3, 0.1, 0.001, -0.002, 0.0]
K = [80.0, 0.0, 47.0, 0.0, 82.0, 33.0, 0.0, 0.0, 1.0]
P = [70.0, 0.0, 48.0, 0.0, 0.0, 71.0, 32.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def info(**changes):
    usual = {"width": WIDTH, "height": HEIGHT, "distortion_model": "plumb_bob", "d": D, "k": K, "p": P}
    return sensor_msgs.CameraInfo(**{**usual, **changes})


def picture(width=WIDTH, height=HEIGHT):
    v, u = np.mgrid[:height, :width] * (WIDTH / width)
    waves = [np.sin(u / 7), np.sin(v / 6), np.cos((u + v) / 9)]
    return (127 + 120 * np.stack(waves, axis=2)).astype(np.uint8)


def test_image_camera_and_camera_info():
    image = picture()

    rectified, camera, told = Rectification()(image, info())

    maps = cv2.initUndistortRectifyMap(
        np.reshape(K, (3, 3)), np.array(D), None, np.reshape(P, (3, 4))[:, :3], (WIDTH, HEIGHT), cv2.CV_32FC1
    )
    expected = cv2.remap(image, *maps, cv2.INTER_LINEAR)
    assert np.abs(rectified.astype(int) - expected).mean() < 0.5
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (70.0, 71.0, 48.0, 32.0)
    assert (told.distortion_model, list(told.d)) == ("plumb_bob", [0.0] * 5)
    assert list(told.p) == P
    np.testing.assert_allclose(np.reshape(told.k, (3, 3)), np.reshape(P, (3, 4))[:, :3])
    np.testing.assert_array_equal(np.reshape(told.r, (3, 3)), np.eye(3))


def test_the_input_is_left_as_it_was():
    given = info()

    Rectification()(picture(), given)

    assert given == info()


def test_an_image_of_half_the_size_has_half_the_camera():
    rectified, camera, told = Rectification()(picture(WIDTH // 2, HEIGHT // 2), info())

    assert rectified.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert (camera.fx, camera.fy) == (35.0, 35.5)
    assert camera.cx == pytest.approx(48.5 / 2 - 0.5)
    assert (told.width, told.height) == (WIDTH // 2, HEIGHT // 2)
    whole, _, _ = Rectification()(picture(), info())
    assert np.abs(rectified.astype(int) - whole[::2, ::2]).mean() < 12, "the picture moved"


def test_the_tables_are_made_anew_when_the_camera_info_changes():
    rectify = Rectification()
    first, _, _ = rectify(picture(), info())
    again, _, _ = rectify(picture(), info())
    other, _, _ = rectify(picture(), info(d=[0.0] * 5, p=[0.0] * 12))

    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(other, picture())


def test_a_lens_that_is_unknown_is_refused():
    with pytest.raises(CameraModelError, match="'fov'"):
        Rectification()(picture(), info(distortion_model="fov"))
