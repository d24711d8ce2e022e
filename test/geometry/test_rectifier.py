# SPDX-License-Identifier: Apache-2.0
"""Distortion taken out: against OpenCV, and against the models' own formulas."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from joint_perception.geometry import CameraModelError, Rectifier, is_distorted

WIDTH, HEIGHT = 160, 120
K = [110.0, 0.0, 82.0, 0.0, 112.0, 57.0, 0.0, 0.0, 1.0]
P = [100.0, 0.0, 80.0, 0.0, 0.0, 101.0, 60.0, 0.0, 0.0, 0.0, 1.0, 0.0]
NO_P, NO_R = [0.0] * 12, [0.0] * 9
PLUMB_BOB = [-0.25, 0.08, 0.001, -0.002, 0.01]
RATIONAL = [0.4, -0.2, 0.001, 0.0005, 0.05, 0.6, -0.1, 0.02]
EQUIDISTANT = [-0.02, 0.01, -0.004, 0.001]


def smooth_picture():
    v, u = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    waves = [np.sin(u / 9 + v / 23), np.sin(v / 11), np.cos(u / 17 - v / 13)]
    return np.clip(127 + 120 * np.stack(waves, axis=2), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("d", [PLUMB_BOB[:4], PLUMB_BOB, RATIONAL, [*RATIONAL, 0.01, 0.002, -0.01, 0.001]])
def test_it_is_what_opencv_makes_of_it(d):
    model = "plumb_bob" if len(d) < 8 else "rational_polynomial"
    image = smooth_picture()
    k = np.array(K).reshape(3, 3)

    found = Rectifier(model, d, K, NO_R, NO_P, WIDTH, HEIGHT).rectify(image)

    expected = cv2.undistort(image, k, np.array(d), None, k)
    assert np.abs(found.astype(int) - expected).max() <= 2
    assert np.abs(found.astype(int) - image).mean() > 3, "nothing was undistorted"


def test_rotation_and_the_rectified_camera_are_applied():
    rotation = cv2.Rodrigues(np.array([0.02, -0.05, 0.03]))[0]
    image = smooth_picture()

    rectifier = Rectifier("plumb_bob", PLUMB_BOB, K, rotation.ravel(), P, WIDTH, HEIGHT)

    maps = cv2.initUndistortRectifyMap(
        np.array(K).reshape(3, 3),
        np.array(PLUMB_BOB),
        rotation,
        np.array(P).reshape(3, 4)[:, :3],
        (WIDTH, HEIGHT),
        cv2.CV_32FC1,
    )
    expected = cv2.remap(image, *maps, cv2.INTER_LINEAR)
    off = np.abs(rectifier.rectify(image).astype(int) - expected)
    assert off[rectifier.valid].max() <= 2
    assert off.max() <= 255 / 32 + 1  # beside the black that the raw image ends in
    camera = rectifier.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (100.0, 101.0, 80.0, 60.0)


def raw_pixel(model, d, u, v):
    """Where a pixel of the rectified image lies in the raw one, by the model's formula."""
    x, y = (u - P[2]) / P[0], (v - P[6]) / P[5]
    r2 = x * x + y * y
    if model == "equidistant":
        r = math.sqrt(r2)
        theta = math.atan(r)
        bent = theta * (1 + sum(k * theta ** (2 * i + 2) for i, k in enumerate(d)))
        x, y = (x * bent / r, y * bent / r) if r else (x, y)
    else:
        k1, k2, p1, p2, k3, k4, k5, k6 = [*d, *([0.0] * (8 - len(d)))]
        radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
        x, y = (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        )
    return K[0] * x + K[2], K[4] * y + K[5]


@pytest.mark.parametrize(
    ("model", "d"), [("plumb_bob", PLUMB_BOB), ("rational_polynomial", RATIONAL), ("equidistant", EQUIDISTANT)]
)
def test_each_pixel_comes_from_where_the_formula_says(model, d):
    # Columns and rows of the raw image, as an image: what a rectified pixel shows is where it came from.
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    where = np.stack((u, v, np.zeros_like(u)), axis=2).astype(np.uint8)
    rectifier = Rectifier(model, d, K, NO_R, P, WIDTH, HEIGHT)

    found = rectifier.rectify(where)

    for row, column in ((60, 80), (10, 15), (100, 140), (30, 120), (90, 20)):
        x, y = raw_pixel(model, d, column, row)
        inside = 0 <= x <= WIDTH - 1 and 0 <= y <= HEIGHT - 1
        assert rectifier.valid[row, column] == inside
        if inside:
            np.testing.assert_allclose(found[row, column, :2], (x, y), atol=0.6)


def test_what_lies_outside_the_raw_image_is_black_and_not_valid():
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    wide = [50.0, *P[1:5], 50.0, *P[6:]]  # a rectified camera that sees more than the raw one

    rectifier = Rectifier("plumb_bob", [], K, NO_R, wide, WIDTH, HEIGHT)

    assert 0.1 < rectifier.valid.mean() < 0.9
    found = rectifier.rectify(image)
    assert (found[rectifier.valid] == 200).all()
    assert (found[0, 0] == 0).all()


def test_without_distortion_nothing_changes():
    image = smooth_picture()

    rectifier = Rectifier("plumb_bob", [0.0] * 5, K, NO_R, NO_P, WIDTH, HEIGHT)

    np.testing.assert_array_equal(rectifier.rectify(image), image)
    assert rectifier.valid.all()
    assert (rectifier.camera.fx, rectifier.camera.cy) == (110.0, 57.0)


def test_it_knows_what_it_was_made_of():
    values = ("plumb_bob", PLUMB_BOB, K, NO_R, P, WIDTH, HEIGHT)
    rectifier = Rectifier(*values)

    assert rectifier.fits("plumb_bob", np.array(PLUMB_BOB), np.array(K), NO_R, P, WIDTH, HEIGHT)
    for index, other in enumerate(("rational_polynomial", [0.1] * 5, P[:9], [1.0] * 9, NO_P, WIDTH + 1, HEIGHT + 1)):
        changed = [*values]
        changed[index] = other
        assert not rectifier.fits(*changed)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": "fov"}, "'fov'; it can be plumb_bob, rational_polynomial, equidistant"),
        ({"d": [0.1, 0.2]}, "D has 2 values but plumb_bob takes 4 or 5"),
        ({"model": "equidistant"}, "equidistant takes 4"),
        ({"d": [math.nan] * 5}, "finite"),
        ({"r": [math.inf] * 9}, "finite"),
        ({"k": [0.0] * 9}, "calibrate"),
    ],
)
def test_what_describes_no_lens_is_refused(changes, told):
    values = {"model": "plumb_bob", "d": PLUMB_BOB, "k": K, "r": NO_R, "p": NO_P, "width": WIDTH, "height": HEIGHT}

    with pytest.raises(CameraModelError, match=told):
        Rectifier(**{**values, **changes})


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match="image is 10x20 but the camera's are 160x120"):
        Rectifier("plumb_bob", [], K, NO_R, P, WIDTH, HEIGHT).rectify(np.zeros((20, 10, 3), np.uint8))


@pytest.mark.parametrize(
    ("model", "d", "distorted"),
    [
        ("plumb_bob", [0.0] * 5, False),
        ("plumb_bob", [], False),
        ("", [], False),
        ("plumb_bob", [0.0, 0.0, 1e-4, 0.0, 0.0], True),
        ("equidistant", [0.0] * 4, True),  # its angles grow with the radius even so
        ("equidistant", [], False),
    ],
)
def test_what_counts_as_distorted(model, d, distorted):
    assert is_distorted(model, d) == distorted
