# SPDX-License-Identifier: Apache-2.0
"""Whatever a message says of itself: a picture of that size, or a FrameError with a cause. Bounded memory, always."""

from __future__ import annotations

import math
import resource
import struct

import cv2
import numpy as np
import pytest
from bombs import JPEG, jpeg, jpeg_of_scans, png
from fault_effort import LONG, cases
from hypothesis import given
from hypothesis import strategies as st
from ros_graph import picture
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from joint_perception.pipeline import compressed, images
from joint_perception.pipeline.camera_frame import FrameMaker, Pair
from joint_perception.pipeline.errors import FrameError

pytestmark = pytest.mark.timeout(7200 if LONG else 120)

CAUSES = {
    *("unknown_encoding", "zero_size", "wrong_step", "truncated_data", "odd_width", "undecodable", "too_large"),
    "bad_camera_info",
}
# Of the process, over all cases, what hypothesis needs for itself included; the bombs here claim gigabytes.
GROWTH_MB = 400


@pytest.fixture(scope="module", autouse=True)
def bounded_memory():
    """No case may have made the process much larger, even for a moment."""
    compressed.to_rgb(CompressedImage(data=PNG))  # what OpenCV sets up once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < GROWTH_MB, f"a case took {grown:.0f} MB"


def assert_is_picture(got, height, width, source):
    """Of that size, and neither longer than the message nor partly outside of it."""
    assert got.dtype == np.uint8
    assert got.shape == (height, width, 3)
    low = got.ctypes.data
    high = low + sum((n - 1) * stride for n, stride in zip(got.shape, got.strides, strict=True)) + 1
    start, end = source.ctypes.data, source.ctypes.data + source.nbytes
    assert (start <= low and high <= end) or high <= start or low >= end, "a view that reaches out of the message"
    got.sum()  # touches every byte


def assert_is_named(error):
    assert error.cause in CAUSES
    assert len(str(error)) < 1000


# --- sensor_msgs/Image ---------------------------------------------------------------------------------------

BIG = st.sampled_from([0, 1, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1])
SMALL = st.integers(0, 24)


@st.composite
def raw_images(draw):
    """Nearly right images: one or two claims are off, or none."""
    encoding = draw(st.one_of(st.sampled_from([*images.ENCODINGS, "32FC1", "16UC1", "RGB8"]), st.text(max_size=8)))
    known = images.ENCODINGS.get(encoding)
    pixel = known.channels * np.dtype(known.dtype).itemsize if known else 3
    height, width = draw(SMALL), draw(SMALL)
    step = width * pixel + draw(st.sampled_from([0, 0, 0, 1, 7, -1]))
    length = max(0, height * step + draw(st.sampled_from([0, 0, 0, 1, -1, -height, step])))
    claims = {"height": height, "width": width, "step": max(0, step)}
    for name in draw(st.lists(st.sampled_from([*claims]), max_size=2)):
        claims[name] = draw(st.one_of(BIG, SMALL))
    data = draw(st.binary(min_size=length, max_size=length)) if length < 64 else bytes([draw(SMALL)]) * length
    return Image(encoding=encoding, data=data, is_bigendian=draw(st.integers(0, 255)), **claims)


@cases(250, 40_000)
@given(raw_images())
def test_raw_images(message):
    try:
        got = images.to_rgb(message)
    except FrameError as error:
        assert_is_named(error)
    else:
        assert_is_picture(got, message.height, message.width, np.frombuffer(message.data, np.uint8))


# --- sensor_msgs/CompressedImage -----------------------------------------------------------------------------

PROGRESSIVE = cv2.imencode(".jpg", picture(40, 56), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
PNG = cv2.imencode(".png", picture(24, 32))[1].tobytes()
OTHERS = [cv2.imencode(suffix, picture(16, 16))[1].tobytes() for suffix in (".bmp", ".tiff", ".webp", ".ppm")]
LENGTHS = st.sampled_from([0, 1, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1])


@st.composite
def mutated(draw):
    """A file, some bytes of which are changed, cut out, doubled, or lengths that became huge."""
    data = bytearray(draw(st.sampled_from([JPEG, PROGRESSIVE, PNG, PNG, JPEG, *OTHERS])))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["byte", "length", "cut", "double", "end"]))
        if kind == "byte":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=3))
        elif kind == "length":
            data[at : at + 4] = struct.pack(">I", draw(LENGTHS))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 64))]
        elif kind == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 300))]
        else:
            del data[at:]
    return bytes(data)


SIDES = st.one_of(st.integers(1, 200), st.sampled_from([2**13, 2**14, 2**16 - 1]))
FILES = st.one_of(
    mutated(),
    mutated(),
    st.binary(max_size=64),
    st.builds(
        png,
        st.one_of(SIDES, LENGTHS),
        st.one_of(SIDES, LENGTHS),
        st.sampled_from([1, 2, 4, 8, 16, 3]),
        st.sampled_from([0, 2, 3, 4, 6, 5]),
        st.integers(0, 1),
        st.sampled_from([b"", bytes(3000), bytes(200_000)]),
    ),
    st.builds(jpeg, SIDES, SIDES),
    st.builds(jpeg_of_scans, st.integers(1, 2000)),
)


@cases(250, 40_000)
@given(FILES, st.sampled_from(["jpeg", "png", "", "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth png"]))
def test_compressed_images(data, form):
    message = CompressedImage(format=form, data=data)
    try:
        got = compressed.to_rgb(message)
    except FrameError as error:
        assert_is_named(error)
    else:
        assert_is_picture(got, *got.shape[:2], np.frombuffer(message.data, np.uint8))
        assert got.size <= 3 * 8 * 64 * 1032 * len(data)


# --- sensor_msgs/CameraInfo ----------------------------------------------------------------------------------

ODD = st.sampled_from([0.0, -0.0, 1e-320, 1e-12, 1e12, 1e300, -1e300, math.nan, math.inf, -math.inf, -1.0])
FOCAL = st.one_of(st.floats(1.0, 5000.0), st.floats(1.0, 100.0), ODD, st.floats())
CENTRE = st.one_of(st.floats(-10.0, 100.0), ODD, st.floats())
COUNT = st.one_of(st.sampled_from([0, 0, 0, 1, 2, 8]), SMALL, BIG)


@st.composite
def camera_infos(draw):
    info = CameraInfo(
        width=draw(st.one_of(st.sampled_from([0, 16, 16, 32]), BIG)),
        height=draw(st.one_of(st.sampled_from([0, 12, 12, 24]), BIG)),
        distortion_model=draw(
            st.sampled_from(["", "plumb_bob", "plumb_bob", "rational_polynomial", "equidistant", "fov"])
        ),
        d=draw(st.lists(st.one_of(st.floats(-0.5, 0.5), ODD), max_size=9)),
        binning_x=draw(COUNT),
        binning_y=draw(COUNT),
    )
    fx, fy, cx, cy = draw(FOCAL), draw(FOCAL), draw(CENTRE), draw(CENTRE)
    info.k = [fx, draw(CENTRE), cx, 0.0, fy, cy, 0.0, 0.0, 1.0] if draw(st.booleans()) else [0.0] * 9
    if draw(st.booleans()):
        info.p = [draw(FOCAL), 0.0, draw(CENTRE), draw(CENTRE), 0.0, draw(FOCAL), draw(CENTRE), *[0.0] * 5]
    info.r = draw(
        st.sampled_from([[0.0] * 9, [1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0], [math.nan] * 9, [1e300] * 9, [1.0] * 9])
    )
    if draw(st.integers(0, 3)) == 0:
        roi = info.roi
        roi.x_offset, roi.y_offset, roi.width, roi.height = draw(COUNT), draw(COUNT), draw(COUNT), draw(COUNT)
    return info


class Silent:
    def warning(self, text):
        pass


MAKERS = {rectify: FrameMaker({"rectify": rectify}, Silent(), "image", "camera_info") for rectify in (False, True)}


@cases(250, 20_000)
@given(camera_infos(), st.booleans())
def test_camera_infos(info, rectify):
    image = Image(header=Header(frame_id="c"), height=12, width=16, encoding="mono8", step=16, data=bytes(range(192)))
    try:
        taken = MAKERS[rectify](Pair(image, info))
    except FrameError as error:
        assert_is_named(error)
        return
    camera = taken.frame.camera
    assert (camera.width, camera.height) == (taken.info.width, taken.info.height) == (16, 12)
    x, y = camera.rays()
    far = np.float32(1e4)  # metres; farther than anything
    assert np.isfinite(x * far).all()
    assert np.isfinite(y * far).all()
    assert taken.info.p[0] == camera.fx
    assert all(map(math.isfinite, taken.info.p))
    assert all(map(math.isfinite, taken.info.k))
