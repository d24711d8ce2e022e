# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera: where it comes from, what it refuses, and what it becomes in another size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joint_perception.geometry import CameraModelError, Pinhole

NAN, INF = float("nan"), float("inf")
ZEROS = [0.0] * 12
K = [700.0, 0, 320, 0, 710, 240, 0, 0, 1]
P = [600.0, 0, 310, 0, 0, 610, 230, 0, 0, 0, 1, 0]
CAMERA = Pinhole(721.5, 700.25, 609.5, 172.75, 1242, 375)

cameras = st.builds(
    Pinhole,
    fx=st.floats(10, 5000),
    fy=st.floats(10, 5000),
    cx=st.floats(-2000, 2000),
    cy=st.floats(-2000, 2000),
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
)


def replaced(values, index, value):
    return [*values[:index], value, *values[index + 1 :]]


def test_p_wins_where_it_is_not_zero_and_k_where_it_is():
    assert Pinhole.from_matrices(K, P, 640, 480) == Pinhole(600, 610, 310, 230, 640, 480)
    assert Pinhole.from_matrices(K, ZEROS, 640, 480) == Pinhole(700, 710, 320, 240, 640, 480)
    assert Pinhole.from_matrices(ZEROS[:9], P, 640, 480) == Pinhole(600, 610, 310, 230, 640, 480)


def test_the_baseline_of_a_right_camera_is_left_out():
    assert Pinhole.from_matrices(K, replaced(P, 3, -386.1), 640, 480) == Pinhole(600, 610, 310, 230, 640, 480)


def test_matrices_may_be_arrays_and_the_camera_s_values_are_plain_numbers():
    camera = Pinhole.from_matrices(np.array(K), np.array(P, np.float32), np.uint32(640), np.uint32(480))

    assert camera == Pinhole(600, 610, 310, 230, 640, 480)
    assert [type(v) for v in (camera.fx, camera.cx, camera.width)] == [float, float, int]


def test_an_uncalibrated_camera_is_refused_and_says_what_to_do():
    with pytest.raises(CameraModelError, match=r"fx = 0, fy = 0.*uncalibrated.*calibrate it"):
        Pinhole.from_matrices(ZEROS[:9], ZEROS, 640, 480)


@pytest.mark.parametrize(("index", "name"), [(0, "fx"), (2, "cx"), (5, "fy"), (6, "cy")])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_value_of_p_that_is_not_finite_is_refused_by_name(index, name, value):
    with pytest.raises(CameraModelError, match=f"not finite: {name} = {value}; calibrate"):
        Pinhole.from_matrices(K, replaced(P, index, value), 640, 480)


@pytest.mark.parametrize(("index", "name"), [(0, "fx"), (2, "cx"), (4, "fy"), (5, "cy")])
def test_nan_in_k_counts_only_where_k_is_used(index, name):
    k = replaced(K, index, NAN)

    with pytest.raises(CameraModelError, match=f"not finite: {name} = nan"):
        Pinhole.from_matrices(k, ZEROS, 640, 480)
    assert Pinhole.from_matrices(k, P, 640, 480) == Pinhole(600, 610, 310, 230, 640, 480)


def test_a_p_of_nothing_but_nan_is_not_taken_for_an_absent_one():
    with pytest.raises(CameraModelError, match="not finite: fx = nan, fy = nan, cx = nan, cy = nan"):
        Pinhole.from_matrices(K, [NAN] * 12, 640, 480)


@pytest.mark.parametrize(("k", "p"), [([], P), (K[:8], P), (K, P[:9]), (K, []), (P, K)])
def test_matrices_of_another_length_are_refused_with_their_lengths(k, p):
    with pytest.raises(CameraModelError, match=f"K has {len(k)} values and P has {len(p)}"):
        Pinhole.from_matrices(k, p, 640, 480)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((-1, 5, 0, 0, 4, 3), "fx = -1, fy = 5"),
        ((5, 0, 0, 0, 4, 3), "fx = 5, fy = 0"),
        ((5, 5, 0, 0, 0, 3), "0x3"),
        ((5, 5, 0, 0, 4, -3), "4x-3"),
        ((5, 5, 0, NAN, 4, 3), "cy = nan"),
    ],
)
def test_what_is_no_camera_is_refused(values, said):
    with pytest.raises(CameraModelError, match=said):
        Pinhole(*values)


def test_rays_go_through_the_centres_of_the_pixels():
    x, y = Pinhole(2.0, 4.0, 1.0, 0.5, 4, 3).rays()

    assert x.tolist() == [-0.5, 0.0, 0.5, 1.0]
    assert y.tolist() == [-0.125, 0.125, 0.375]
    assert x.dtype == y.dtype == np.float32


def corner_rays(camera):
    """Directions through the outer edges of the image: half a pixel beyond the centres of the outer pixels."""
    x = (np.array([-0.5, camera.width - 0.5]) - camera.cx) / camera.fx
    y = (np.array([-0.5, camera.height - 0.5]) - camera.cy) / camera.fy
    return np.concatenate([x, y])


@given(camera=cameras, width=st.integers(1, 4000), height=st.integers(1, 4000))
def test_another_size_shows_the_same_view_edge_to_edge(camera, width, height):
    resized = camera.resized(width, height)

    assert (resized.width, resized.height) == (width, height)
    np.testing.assert_allclose(corner_rays(resized), corner_rays(camera), rtol=1e-9, atol=1e-9)
    back = resized.resized(camera.width, camera.height)
    assert (back.fx, back.cy) == pytest.approx((camera.fx, camera.cy), rel=1e-9, abs=1e-6)


def test_the_new_pixel_of_two_by_two_old_ones_looks_between_them():
    half = Pinhole(100.0, 100.0, 3.0, 1.5, 8, 4).resized(4, 2)

    old = Pinhole(100.0, 100.0, 3.0, 1.5, 8, 4).rays()
    new = half.rays()
    np.testing.assert_allclose(new[0], old[0].reshape(-1, 2).mean(axis=1), atol=1e-7)
    np.testing.assert_allclose(new[1], old[1].reshape(-1, 2).mean(axis=1), atol=1e-7)


@given(camera=cameras, x=st.integers(0, 500), y=st.integers(0, 500), size=st.tuples(*[st.integers(1, 300)] * 2))
def test_a_window_sees_what_the_whole_image_sees_there(camera, x, y, size):
    window = camera.cropped(x, y, *size)

    assert (window.width, window.height) == size
    assert (window.fx, window.fy) == (camera.fx, camera.fy)
    column, row = size[0] - 1, size[1] - 1
    assert (column - window.cx) / window.fx == pytest.approx((column + x - camera.cx) / camera.fx, abs=1e-9)
    assert (row - window.cy) / window.fy == pytest.approx((row + y - camera.cy) / camera.fy, abs=1e-9)


def test_fitting_to_its_own_size_changes_nothing():
    assert CAMERA.fitted(1242, 375) is CAMERA


@pytest.mark.parametrize("size", [(621, 187), (621, 188), (414, 125), (2484, 750), (310, 93), (155, 46)])
def test_fitting_to_a_scaled_image_scales(size):
    assert CAMERA.fitted(*size) == CAMERA.resized(*size)


@given(st.integers(64, 4000), st.integers(64, 4000), st.integers(1, 8), st.booleans())
def test_fitting_to_a_binned_image_scales_whichever_way_its_size_was_rounded(width, height, binning, up):
    camera = Pinhole(500.0, 500.0, width / 2, height / 2, width, height)
    binned = [-(-side // binning) if up else side // binning for side in (width, height)]

    assert camera.fitted(*binned) == camera.resized(*binned)


@pytest.mark.parametrize("size", [(1200, 350), (375, 1242), (1242, 377), (1238, 375), (640, 480), (1242, 188)])
def test_fitting_to_a_crop_is_refused_with_both_sizes(size):
    with pytest.raises(CameraModelError) as caught:
        CAMERA.fitted(*size)

    for part in ("camera_info is for 1242x375", f"image is {size[0]}x{size[1]}", "roi"):
        assert part in str(caught.value)


def test_resizing_to_nothing_is_refused():
    with pytest.raises(CameraModelError):
        CAMERA.resized(0, 0)


def test_the_field_of_view_is_the_closed_form():
    left, right, *_ = np.arctan(corner_rays(Pinhole(320.0, 320.0, 319.5, 239.5, 640, 480)))

    assert math.degrees(right - left) == pytest.approx(90)
