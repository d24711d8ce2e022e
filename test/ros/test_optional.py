# SPDX-License-Identifier: Apache-2.0
"""One contract for the official parts and for what stands in for them: both go through the same cases."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from encoded_pictures import BAYER, encode, message_of, paired, ramp
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from joint_perception.pipeline import images
from joint_perception.pipeline.errors import FrameError
from joint_perception.ros import optional

HAS_CV_BRIDGE = optional.present("cv_bridge")
HAS_MESSAGE_FILTERS = optional.present("message_filters")


def parts(package: str, *, present: bool):
    """Our floor, and the official package where it is installed."""
    return ["floor", pytest.param(package, marks=pytest.mark.skipif(not present, reason=f"{package} is not installed"))]


# --- decoding --------------------------------------------------------------------------------------


@pytest.fixture(params=parts("cv_bridge", present=HAS_CV_BRIDGE))
def decode(request):
    return images.to_rgb if request.param == "floor" else optional._CvBridgeDecoder()


def test_the_node_decodes_with_cv_bridge_where_it_is():
    decoder = optional.make_decoder()

    if HAS_CV_BRIDGE:
        assert isinstance(decoder, optional._CvBridgeDecoder)
    else:
        assert decoder is images.to_rgb


def test_the_node_decodes_with_opencv_where_cv_bridge_is_broken(tmp_path, monkeypatch, capfd):
    package = tmp_path / "cv_bridge"
    package.mkdir()
    (package / "__init__.py").write_text("raise AttributeError('_ARRAY_API not found')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cv_bridge"]:
        monkeypatch.delitem(sys.modules, name)

    decoder = optional.make_decoder()

    assert decoder is images.to_rgb
    assert "_ARRAY_API not found" in "".join(capfd.readouterr())


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "8UC3"])
def test_colour_is_exact(decode, encoding, padding):
    picture = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)

    np.testing.assert_array_equal(decode(message_of(encode(picture, encoding), encoding, padding)), picture)


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_luma_is_exact(decode, encoding, padding):
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)

    np.testing.assert_array_equal(decode(message_of(luma, encoding, padding)), np.stack([luma] * 3, axis=2))


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("big_endian", [False, True])
def test_16_bit_luma_is_exact_in_either_byte_order(decode, big_endian, padding):
    luma = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    message = message_of(luma.astype(">u2" if big_endian else "<u2"), "mono16", padding, is_bigendian=big_endian)

    expected = np.rint(luma * (255 / 65535)).astype(np.uint8)

    np.testing.assert_array_equal(decode(message), np.stack([expected] * 3, axis=2))


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("encoding", BAYER)
def test_bayer_is_exact_where_colour_is_linear(decode, encoding, padding):
    picture = ramp(8, 10)

    rgb = decode(message_of(encode(picture, encoding), encoding, padding))

    np.testing.assert_array_equal(rgb[1:-1, 1:-1], picture[1:-1, 1:-1])


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_yuv_is_within_the_steps_of_its_eight_bits(decode, encoding, padding):
    picture = paired(np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8))

    rgb = decode(message_of(encode(picture, encoding), encoding, padding))

    np.testing.assert_allclose(rgb.astype(int), picture, atol=2)


@pytest.mark.skipif(not HAS_CV_BRIDGE, reason="cv_bridge is not installed")
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("encoding", sorted(images.ENCODINGS))
def test_the_floor_gives_cv_bridges_very_values(encoding, padding, big_endian):
    known = images.ENCODINGS[encoding]
    noise = np.random.default_rng(2).integers(0, 256, (8, 10 * known.channels * np.dtype(known.dtype).itemsize))
    message = message_of(noise.astype(np.uint8), encoding, padding, is_bigendian=big_endian)
    message.width = 10

    np.testing.assert_array_equal(images.to_rgb(message), optional._CvBridgeDecoder()(message))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"encoding": "32FC1"}, "unknown_encoding"),
        ({"height": 0}, "zero_size"),
        ({"height": 9}, "truncated_data"),
        ({"height": 7}, "wrong_step"),
        ({"step": 3}, "wrong_step"),
        ({"encoding": "yuyv", "width": 5}, "odd_width"),
    ],
)
def test_lies_are_refused_alike(decode, change, cause):
    message = message_of(ramp(8, 10), "rgb8")
    for name, value in change.items():
        setattr(message, name, value)

    with pytest.raises(FrameError) as caught:
        decode(message)

    assert caught.value.cause == cause


# --- pairing ---------------------------------------------------------------------------------------


class Pairs:
    """A pairing with a log of what it called back with."""

    def __init__(self, make, queue_size: int) -> None:
        self.got: list[tuple[Image, CameraInfo]] = []
        self._pairing = make(lambda *pair: self.got.append(pair), queue_size)

    def image(self, stamp: Time | int) -> Image:
        message = Image(header=header(stamp))
        self._pairing.add_image(message)
        return message

    def info(self, stamp: Time | int) -> CameraInfo:
        message = CameraInfo(header=header(stamp))
        self._pairing.add_camera_info(message)
        return message

    @property
    def stamps(self) -> list[int]:
        return [image.header.stamp.sec for image, _ in self.got]


def header(stamp: Time | int) -> Header:
    return Header(stamp=stamp if isinstance(stamp, Time) else Time(sec=stamp, nanosec=5))


@pytest.fixture(params=parts("message_filters", present=HAS_MESSAGE_FILTERS))
def pairs(request):
    make = optional.ExactTimePairing if request.param == "floor" else optional._MessageFiltersPairing
    return lambda queue_size=10: Pairs(make, queue_size)


def test_the_node_pairs_with_message_filters_where_they_are():
    expected = optional._MessageFiltersPairing if HAS_MESSAGE_FILTERS else optional.ExactTimePairing

    assert isinstance(optional.make_pairing(lambda *_: None, 10), expected)


@pytest.mark.parametrize("first", ["image", "info"])
def test_whichever_comes_first_the_callback_gets_the_very_messages_image_first(pairs, first):
    pairs = pairs()
    if first == "image":
        image, info = pairs.image(1), pairs.info(1)
    else:
        info, image = pairs.info(1), pairs.image(1)

    assert len(pairs.got) == 1
    assert pairs.got[0][0] is image
    assert pairs.got[0][1] is info


def test_a_stream_is_paired_in_order(pairs):
    pairs = pairs()
    for stamp in range(50):
        pairs.image(stamp)
        pairs.info(stamp)

    assert pairs.stamps == list(range(50))


def test_interleaved_streams_find_their_partners(pairs):
    pairs = pairs()
    for stamp in (1, 2, 3):
        pairs.info(stamp)
    for stamp in (3, 1, 2):
        pairs.image(stamp)

    assert pairs.stamps == [3, 1, 2]
    assert all(image.header == info.header for image, info in pairs.got)


def test_an_image_without_its_camera_info_is_passed_over(pairs):
    pairs = pairs()
    for stamp in range(6):
        pairs.image(stamp)
        if stamp % 2:
            pairs.info(stamp)

    assert pairs.stamps == [1, 3, 5]


def test_stamps_are_compared_to_the_nanosecond(pairs):
    pairs = pairs()
    pairs.image(Time(sec=1, nanosec=999_999_999))
    pairs.info(Time(sec=1, nanosec=999_999_998))
    pairs.info(Time(sec=2, nanosec=0))
    assert not pairs.got

    pairs.info(Time(sec=1, nanosec=999_999_999))
    assert len(pairs.got) == 1


def test_a_full_queue_loses_the_earliest_stamp(pairs):
    pairs = pairs(queue_size=3)
    for stamp in (2, 1, 3, 4):  # 1 goes, though 2 came before it
        pairs.image(stamp)
    for stamp in (1, 2, 3, 4):
        pairs.info(stamp)

    assert pairs.stamps == [2, 3, 4]


def test_a_full_queue_does_not_take_what_is_earlier_than_all_of_it(pairs):
    pairs = pairs(queue_size=2)
    for stamp in (5, 6, 1):
        pairs.image(stamp)
    pairs.info(1)
    pairs.info(6)

    assert pairs.stamps == [6]


def test_the_two_queues_overflow_each_on_its_own(pairs):
    pairs = pairs(queue_size=2)
    for stamp in range(10):
        pairs.info(stamp)
    pairs.image(7)
    pairs.image(9)

    assert pairs.stamps == [9]


def test_of_two_images_of_one_stamp_the_later_is_paired(pairs):
    pairs = pairs()
    pairs.image(1)
    later = pairs.image(1)
    info = pairs.info(1)

    assert len(pairs.got) == 1
    assert pairs.got[0][0] is later
    assert pairs.got[0][1] is info


def test_a_pair_is_given_once(pairs):
    pairs = pairs()
    pairs.image(1)
    pairs.info(1)
    pairs.info(1)
    assert pairs.stamps == [1]

    pairs.image(1)  # the second camera_info of that stamp has waited
    assert pairs.stamps == [1, 1]


def test_the_zero_stamp_of_a_driver_without_a_clock_is_a_stamp(pairs):
    pairs = pairs()
    pairs.image(Time())
    pairs.info(Time())

    assert len(pairs.got) == 1


def test_a_stamp_before_1970_finds_no_partner_and_stops_nothing(pairs):
    pairs = pairs()
    pairs.image(-1)
    pairs.info(-1)
    pairs.image(1)
    pairs.info(1)

    assert pairs.stamps == [1]


def test_nanoseconds():
    assert optional.nanoseconds(Time(sec=1_700_000_000, nanosec=123_456_789)) == 1_700_000_000_123_456_789
