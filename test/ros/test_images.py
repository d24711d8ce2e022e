# SPDX-License-Identifier: Apache-2.0
"""Every image encoding against formulas of its own, and messages that lie about themselves."""

from __future__ import annotations

import array
import sys
import tracemalloc

import numpy as np
import pytest
from encoded_pictures import BAYER, PATTERNS, encode, message_of, paired, ramp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import Image

from joint_perception.pipeline.errors import FrameError
from joint_perception.pipeline.images import ENCODINGS, pixels, to_rgb

CAUSES = {"unknown_encoding", "zero_size", "wrong_step", "truncated_data", "odd_width"}
COLOR = ["rgb8", "bgr8", "rgba8", "bgra8", "8UC3"]
LUMA = ["mono8", "8UC1", "mono16"]
YUV = ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"]


def test_the_encodings_are_those_tested_here():
    assert set(ENCODINGS) == {*COLOR, *LUMA, *YUV, *BAYER}


@pytest.mark.parametrize("padding", [0, 1, 7])
@pytest.mark.parametrize("encoding", COLOR)
def test_colour_comes_out_as_it_went_in(encoding, padding):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)

    rgb = to_rgb(message_of(encode(picture, encoding), encoding, padding))

    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, picture)


@pytest.mark.parametrize("padding", [0, 1, 7])
@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_luma_becomes_grey(encoding, padding):
    luma = np.arange(256, dtype=np.uint8).reshape(8, 32)

    rgb = to_rgb(message_of(luma, encoding, padding))

    np.testing.assert_array_equal(rgb, np.stack([luma] * 3, axis=2))


@pytest.mark.parametrize("padding", [0, 1, 3, 8])
@pytest.mark.parametrize("big_endian", [False, True])
def test_16_bit_luma_is_scaled_and_rounded_in_either_byte_order(big_endian, padding):
    luma = np.arange(65536, dtype=np.uint16).reshape(128, 512)
    message = message_of(luma.astype(">u2" if big_endian else "<u2"), "mono16", padding, is_bigendian=big_endian)

    rgb = to_rgb(message)

    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb[..., 0], np.rint(luma * (255 / 65535)).astype(np.uint8))
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 1])
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 2])


def test_pixels_are_handed_out_in_this_machines_byte_order():
    values = np.array([[1, 256, 65535]], np.uint16)
    swapped = message_of(values.byteswap(), "mono16", is_bigendian=sys.byteorder == "little")

    assert pixels(swapped)[..., 0].tolist() == values.tolist()
    assert pixels(swapped).dtype.isnative


@pytest.mark.parametrize("padding", [0, 1, 7])
@pytest.mark.parametrize("encoding", YUV)
def test_yuv_is_bt601_studio_range(encoding, padding):
    picture = paired(np.random.default_rng(1).integers(0, 256, (6, 10, 3), dtype=np.uint8))

    rgb = to_rgb(message_of(encode(picture, encoding), encoding, padding))

    # Eight bits of Y, U and V, of which 219 and 224 steps are used, hold an RGB value to two steps.
    np.testing.assert_allclose(rgb.astype(int), picture, atol=2)


def test_the_byte_order_of_the_two_yuv_layouts():
    uyvy = np.array([[[90, 81], [240, 81]]], np.uint8)  # red by BT.601 in studio range: Y 81, U 90, V 240

    for layout, encodings in ((uyvy, ("yuv422", "uyvy")), (uyvy[..., ::-1], ("yuv422_yuy2", "yuyv"))):
        for encoding in encodings:
            rgb = to_rgb(message_of(np.ascontiguousarray(layout), encoding))
            np.testing.assert_allclose(rgb.astype(int), np.full((1, 2, 3), (255, 0, 0)), atol=2, err_msg=encoding)


@pytest.mark.parametrize("padding", [0, 1, 7])
@pytest.mark.parametrize("encoding", BAYER)
def test_a_bayer_picture_of_one_colour_has_that_colour_throughout(encoding, padding):
    picture = np.full((7, 6, 3), (200, 90, 30), np.uint8)

    rgb = to_rgb(message_of(encode(picture, encoding), encoding, padding))

    np.testing.assert_array_equal(rgb, picture)


@pytest.mark.parametrize("encoding", BAYER)
def test_bayer_interpolation_is_linear_and_in_place(encoding):
    picture = ramp(12, 16)

    rgb = to_rgb(message_of(encode(picture, encoding), encoding))

    # Between neighbours of its colour a ramp is met exactly; the border has neighbours on one side only.
    np.testing.assert_array_equal(rgb[1:-1, 1:-1], picture[1:-1, 1:-1])


def test_the_patterns_are_those_of_their_names():
    assert {name: "".join(pattern) for name, pattern in PATTERNS.items()} == {
        name: name.removeprefix("bayer_").removesuffix("8") for name in BAYER
    }


# --- messages that lie -----------------------------------------------------------------------------


def refusal(message: Image) -> FrameError:
    with pytest.raises(FrameError) as caught:
        to_rgb(message)
    return caught.value


def raw(height, width, step, encoding, size, is_bigendian=0):
    return Image(
        height=height,
        width=width,
        step=step,
        encoding=encoding,
        is_bigendian=is_bigendian,
        data=array.array("B", bytes(size)),
    )


@pytest.mark.parametrize("encoding", ["", "RGB8", "rgb16", "bayer_rggb16", "32FC1", "jpeg", "x" * 10_000, "ä\n"])
def test_an_unknown_encoding_is_told_all_that_are_known(encoding):
    error = refusal(raw(2, 2, 6, encoding, 12))

    assert error.cause == "unknown_encoding"
    assert repr(encoding[:40]) in str(error)
    assert all(name in str(error) for name in ENCODINGS)
    assert len(str(error)) < 500


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, 0), (0, 0)])
@pytest.mark.parametrize("encoding", ["rgb8", "mono16", "yuyv", "bayer_rggb8"])
def test_zero_size(encoding, height, width):
    error = refusal(raw(height, width, 12, encoding, 12 * height))

    assert error.cause == "zero_size"
    assert f"{width}x{height}" in str(error)


@pytest.mark.parametrize(("height", "width"), [(2, 8), (8, 2), (1, 1)])
@pytest.mark.parametrize("encoding", BAYER)
def test_a_bayer_picture_too_small_to_interpolate_is_refused_rather_than_black(encoding, height, width):
    error = refusal(raw(height, width, width, encoding, height * width))

    assert error.cause == "zero_size"
    assert f"{width}x{height}" in str(error)


def test_truncated_data():
    error = refusal(raw(4, 5, 15, "rgb8", 59))

    assert error.cause == "truncated_data"
    assert "59 bytes" in str(error)
    assert "60" in str(error)


def test_no_data_at_all():
    assert refusal(raw(4, 5, 15, "rgb8", 0)).cause == "truncated_data"


@pytest.mark.parametrize(("encoding", "row"), [("rgb8", 15), ("bgra8", 20), ("mono8", 5), ("mono16", 10)])
def test_a_step_shorter_than_a_row(encoding, row):
    error = refusal(raw(4, 5, row - 1, encoding, 4 * row))

    assert error.cause == "wrong_step"
    assert f"step is {row - 1}" in str(error)
    assert str(row) in str(error)


def test_a_step_that_leaves_bytes_over():
    error = refusal(raw(4, 5, 15, "rgb8", 61))

    assert error.cause == "wrong_step"
    assert "61 bytes" in str(error)


@pytest.mark.parametrize("encoding", YUV)
def test_an_odd_width_of_pixels_that_share_their_colour(encoding):
    error = refusal(raw(2, 5, 10, encoding, 20))

    assert error.cause == "odd_width"
    assert "5 wide" in str(error)


@pytest.mark.parametrize(
    ("height", "width", "step"), [(1 << 16, 1 << 16, 1 << 16), (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF), (1, 4, 0xFFFFFFFF)]
)
def test_a_header_that_claims_gigabytes_allocates_none(height, width, step):
    message = raw(height, width, step, "mono8", 10)

    tracemalloc.start()
    error = refusal(message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert error.cause == "truncated_data"
    assert peak < 1 << 20


SIZES = st.one_of(st.integers(0, 9), st.sampled_from([255, 1 << 16, (1 << 32) - 1]))


@st.composite
def messages(draw) -> Image:
    """Messages some of whose claims fit one another."""
    encoding = draw(st.one_of(st.sampled_from(sorted(ENCODINGS)), st.text(max_size=12)))
    height, width = draw(SIZES), draw(SIZES)
    known = ENCODINGS.get(encoding)
    row = width * known.channels * np.dtype(known.dtype).itemsize if known else width
    step = draw(st.one_of(st.integers(row - 1, row + 5), SIZES))
    step = min(max(step, 0), (1 << 32) - 1)
    size = draw(st.one_of(st.integers(step * height - 1, step * height + 1), st.integers(0, 300)))
    size = min(max(size, 0), 4096)
    big_endian = draw(st.integers(0, 255))
    data = draw(st.randoms(use_true_random=False)).randbytes(size)
    message = raw(height, width, step, encoding, 0, big_endian)
    message.data = array.array("B", data)
    return message


@given(messages())
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_any_message_is_a_picture_or_a_named_error(message):
    refused = None
    try:
        rgb = to_rgb(message)
    except FrameError as error:
        refused = error

    if refused is None:
        assert rgb.dtype == np.uint8
        assert rgb.shape == (message.height, message.width, 3)
        assert rgb.size > 0
        assert len(message.data) == message.height * message.step
    else:
        assert refused.cause in CAUSES
        assert len(str(refused)) < 500
