# SPDX-License-Identifier: Apache-2.0
"""Arrays to messages and camera_info to a camera, against values worked out by hand."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from ros_graph import points_of
from sensor_msgs.msg import CameraInfo, PointField, RegionOfInterest
from std_msgs.msg import Header

from joint_perception.domains import get_domain
from joint_perception.geometry import CameraModelError, Pinhole, make_cloud
from joint_perception.ros.messages import (
    camera_info_for,
    class_map_message,
    cloud_message,
    depth_message,
    image_message,
    pinhole_from_camera_info,
    to_bytes,
)

HEADER = Header(stamp=Time(sec=1_700_000_000, nanosec=123_456_789), frame_id="left_optical")
NAN = float("nan")


# --- images ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "dtype", "encoding", "step"),
    [
        ((3, 5), np.uint8, "mono8", 5),
        ((3, 5, 1), np.uint8, "mono8", 5),
        ((3, 5, 3), np.uint8, "rgb8", 15),
        ((3, 5), np.uint16, "16UC1", 10),
        ((3, 5), np.float32, "32FC1", 20),
        ((3, 5, 3), np.float32, "32FC3", 60),
    ],
)
def test_an_array_becomes_an_image_of_its_type(shape, dtype, encoding, step):
    pixels = np.arange(math.prod(shape)).reshape(shape).astype(dtype)

    message = image_message(HEADER, pixels)

    assert message.header == HEADER
    assert (message.height, message.width, message.encoding, message.step) == (3, 5, encoding, step)
    assert message.is_bigendian == 0
    assert message.data.tobytes() == pixels.tobytes()


def test_a_view_with_gaps_becomes_tight_rows():
    pixels = np.arange(60, dtype=np.uint8).reshape(6, 10)[::2, 1:4]

    message = image_message(HEADER, pixels)

    assert message.step == 3
    assert list(message.data) == [1, 2, 3, 21, 22, 23, 41, 42, 43]


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2), np.float64), np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2), bool)]
)
def test_an_array_of_another_type_is_named(pixels):
    with pytest.raises(ValueError, match=rf"no image encoding for .*{pixels.dtype}"):
        image_message(HEADER, pixels)


def test_bytes_are_copied_not_shared():
    values = np.array([1, 2], "<u2")
    data = to_bytes(values)
    values[:] = 0

    assert data.typecode == "B"
    assert list(data) == [1, 0, 2, 0]


# --- depth -----------------------------------------------------------------------------------------

DEPTH = np.array([[0.001, 1.0004, 1.0006, NAN], [65.535, 65.536, 80.0, 0.0004]], np.float32)


def test_depth_in_metres_is_the_array_itself():
    message = depth_message(HEADER, DEPTH, "32FC1")

    assert (message.encoding, message.step, message.height, message.width) == ("32FC1", 16, 2, 4)
    assert message.data.tobytes() == DEPTH.tobytes()


def test_depth_in_millimetres_is_rounded_and_what_does_not_fit_is_no_measurement():
    message = depth_message(HEADER, DEPTH, "16UC1")

    assert (message.encoding, message.step) == ("16UC1", 8)
    assert struct.unpack("<8H", message.data.tobytes()) == (1, 1000, 1001, 0, 65535, 0, 0, 0)


# --- clouds ----------------------------------------------------------------------------------------


def test_a_cloud_is_laid_out_as_its_fields_say():
    image = np.array([[(1, 2, 3), (250, 251, 252)]], np.uint8)
    labels = np.array([[4, 5]], np.uint8)
    depth = np.array([[2.0, NAN]], np.float32)
    confidence = np.array([[0.25, 0.5]], np.float32)
    cloud = make_cloud(image, labels, depth, confidence, Pinhole(fx=2.0, fy=4.0, cx=1.0, cy=2.0, width=2, height=1))

    message = cloud_message(HEADER, cloud)

    assert message.header == HEADER
    assert (message.height, message.width, message.point_step, message.row_step) == (1, 2, 24, 48)
    assert not message.is_bigendian
    assert not message.is_dense
    fields = [(f.name, f.offset, f.datatype, f.count) for f in message.fields]
    assert fields == [
        ("x", 0, PointField.FLOAT32, 1),
        ("y", 4, PointField.FLOAT32, 1),
        ("z", 8, PointField.FLOAT32, 1),
        ("rgb", 12, PointField.FLOAT32, 1),
        ("label", 16, PointField.UINT32, 1),
        ("confidence", 20, PointField.FLOAT32, 1),
    ]
    # x = (0 - 1) / 2 * 2, y = (0 - 2) / 4 * 2; the colour 0x00RRGGBB little-endian.
    first, second = message.data.tobytes()[:24], message.data.tobytes()[24:]
    assert struct.unpack("<3f4BIf", first) == (-1.0, -1.0, 2.0, 3, 2, 1, 0, 4, 0.25)
    x, y, z, *rest = struct.unpack("<3f4BIf", second)
    assert all(map(math.isnan, (x, y, z)))
    assert rest == [252, 251, 250, 0, 5, 0.5]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ((), "x y z"),
        (("rgb",), "x y z rgb"),
        (("confidence", "z", "x"), "x y z confidence"),
        (("label", "rgb"), "x y z rgb label"),
        (("confidence", "label", "rgb", "z", "y", "x"), "x y z rgb label confidence"),
    ],
)
def test_a_cloud_with_some_of_its_fields_holds_the_same_values(wanted, names):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    labels = rng.integers(0, 40, (3, 4), dtype=np.uint8)
    depth, confidence = rng.uniform(1, 9, (2, 3, 4)).astype(np.float32)
    cloud = make_cloud(image, labels, depth, confidence, Pinhole(fx=2.0, fy=4.0, cx=1.0, cy=2.0, width=4, height=3))

    message = cloud_message(HEADER, cloud, wanted=wanted)

    assert " ".join(field.name for field in message.fields) == names
    assert message.point_step == 4 * len(message.fields)
    assert len(message.data) == message.row_step * message.height == 3 * 4 * message.point_step
    some, whole = points_of(message), points_of(cloud_message(HEADER, cloud))
    for name in some.dtype.names:
        np.testing.assert_array_equal(some[name], whole[name])


# --- classes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nyud", "kitti", "nyud_kitti"])
def test_a_class_map_lists_every_id_with_its_name_and_colour(name):
    domain = get_domain(name)

    message = class_map_message(HEADER, domain, 255)

    assert (message.header, message.domain, message.void_id) == (HEADER, name, 255)
    assert [c.id for c in message.classes] == list(range(len(domain.class_names)))
    assert tuple(c.name for c in message.classes) == domain.class_names
    labels = np.arange(len(domain.class_names), dtype=np.uint8)[None]
    assert [(c.r, c.g, c.b) for c in message.classes] == [tuple(c) for c in domain.colorize(labels)[0].tolist()]


# --- camera_info to a camera -----------------------------------------------------------------------


def matrices(fx, fy, cx, cy):
    return [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0], [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]


def make_info(width=640, height=480, k=(500.0, 510.0, 320.0, 240.0), p=(450.0, 460.0, 310.0, 230.0), **fields):
    k_matrix, p_matrix = matrices(*k)[0] if k else [0.0] * 9, matrices(*p)[1] if p else [0.0] * 12
    return CameraInfo(header=HEADER, width=width, height=height, k=k_matrix, p=p_matrix, **fields)


def values(camera):
    return camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height


def test_the_rectified_camera_is_used_where_there_is_one():
    assert values(pinhole_from_camera_info(make_info(), 640, 480)) == (450.0, 460.0, 310.0, 230.0, 640, 480)


def test_the_raw_camera_is_used_where_there_is_no_rectified_one():
    assert values(pinhole_from_camera_info(make_info(p=None), 640, 480)) == (500.0, 510.0, 320.0, 240.0, 640, 480)


@pytest.mark.parametrize(("width", "height"), [(1280, 960), (320, 240), (160, 120)])
def test_another_size_scales_about_pixel_edges(width, height):
    s = width / 640

    camera = pinhole_from_camera_info(make_info(), width, height)

    expected = (450 * s, 460 * s, 310.5 * s - 0.5, 230.5 * s - 0.5, width, height)
    assert values(camera) == pytest.approx(expected, rel=1e-12)


def test_a_size_by_integer_division_is_the_same_view():
    camera = pinhole_from_camera_info(make_info(width=641, height=481), 320, 240)

    assert camera.fx == pytest.approx(450 * 320 / 641)
    assert camera.fy == pytest.approx(460 * 240 / 481)


def test_camera_info_without_a_size_is_one_of_the_images():
    assert values(pinhole_from_camera_info(make_info(0, 0), 64, 48)) == (450.0, 460.0, 310.0, 230.0, 64, 48)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (480, 640), (640, 1), (1242, 375)])
def test_another_aspect_ratio_is_refused(width, height):
    with pytest.raises(CameraModelError, match=rf"640x480 .* {width}x{height}.*roi"):
        pinhole_from_camera_info(make_info(), width, height)


@pytest.mark.parametrize(("binning_x", "binning_y"), [(2, 2), (4, 4), (2, 1)])
def test_binning_shrinks_the_camera(binning_x, binning_y):
    info = make_info(binning_x=binning_x, binning_y=binning_y)

    camera = pinhole_from_camera_info(info, 640 // binning_x, 480 // binning_y)

    sx, sy = 1 / binning_x, 1 / binning_y
    assert values(camera) == pytest.approx(
        (450 * sx, 460 * sy, 310.5 * sx - 0.5, 230.5 * sy - 0.5, 640 / binning_x, 480 / binning_y)
    )


def test_binning_of_an_image_that_was_not_binned_is_a_matter_of_size():
    camera = pinhole_from_camera_info(make_info(binning_x=2, binning_y=2), 640, 480)

    assert values(camera) == pytest.approx((450.0, 460.0, 310.0, 230.0, 640, 480))


def test_a_region_of_interest_moves_the_principal_point():
    roi = RegionOfInterest(x_offset=100, y_offset=60, width=200, height=120)

    camera = pinhole_from_camera_info(make_info(roi=roi), 200, 120)

    assert values(camera) == (450.0, 460.0, 210.0, 170.0, 200, 120)


def test_a_region_of_interest_is_taken_before_it_is_binned():
    roi = RegionOfInterest(x_offset=100, y_offset=60, width=200, height=120)

    camera = pinhole_from_camera_info(make_info(roi=roi, binning_x=2, binning_y=2), 100, 60)

    assert values(camera) == (225.0, 230.0, 210.5 / 2 - 0.5, 170.5 / 2 - 0.5, 100, 60)


def test_a_region_of_another_size_than_the_image_is_refused():
    roi = RegionOfInterest(x_offset=100, y_offset=60, width=200, height=120)

    with pytest.raises(CameraModelError, match="200x120 but the image is 640x480"):
        pinhole_from_camera_info(make_info(roi=roi), 640, 480)


def test_binning_beyond_the_last_pixel_is_refused():
    with pytest.raises(CameraModelError):
        pinhole_from_camera_info(make_info(binning_x=1000, binning_y=1000), 640, 480)


def test_an_uncalibrated_camera_is_refused():
    with pytest.raises(CameraModelError, match="uncalibrated"):
        pinhole_from_camera_info(make_info(k=None, p=None), 640, 480)


@pytest.mark.parametrize("position", [0, 2, 4, 5])
@pytest.mark.parametrize("value", [NAN, math.inf])
def test_a_k_that_is_not_finite_is_refused(position, value):
    info = make_info(p=None)
    info.k[position] = value

    with pytest.raises(CameraModelError, match="not finite"):
        pinhole_from_camera_info(info, 640, 480)


def test_a_p_of_nan_is_refused_rather_than_passed_over():
    with pytest.raises(CameraModelError, match="not finite"):
        pinhole_from_camera_info(make_info(p=(NAN, NAN, NAN, NAN)), 640, 480)


@pytest.mark.parametrize("p", [(-450.0, 460.0, 310.0, 230.0), (450.0, 0.0, 310.0, 230.0)])
def test_a_focal_length_not_above_zero_is_refused(p):
    with pytest.raises(CameraModelError, match="above zero"):
        pinhole_from_camera_info(make_info(p=p), 640, 480)


# --- a camera to the camera_info of our outputs ----------------------------------------------------


def test_camera_info_that_fits_is_passed_on_untouched():
    info = make_info(distortion_model="plumb_bob", d=[0.1, 0.2, 0.0, 0.0, 0.0])

    assert camera_info_for(info, pinhole_from_camera_info(info, 640, 480)) is info


@pytest.mark.parametrize(
    ("info", "size"),
    [
        (make_info(d=[0.1] * 5), (320, 240)),
        (make_info(d=[0.1] * 5, binning_x=2, binning_y=2), (320, 240)),
        (make_info(d=[0.1] * 5, binning_x=2, binning_y=2), (640, 480)),
        (make_info(d=[0.1] * 5, roi=RegionOfInterest(x_offset=9, y_offset=8, width=200, height=120)), (200, 120)),
        (make_info(0, 0, d=[0.1] * 5), (640, 480)),
        (make_info(p=None, d=[0.1] * 5), (640, 480)),
        (make_info(p=None, d=[0.1] * 5), (320, 240)),
        (make_info(k=None, d=[0.1] * 5), (320, 240)),
    ],
    ids=["smaller", "binned", "not binned after all", "region", "no size", "K alone", "K alone smaller", "P alone"],
)
def test_camera_info_that_does_not_fit_is_replaced_by_one_of_the_outputs_size(info, size):
    camera = pinhole_from_camera_info(info, *size)
    before = str(info)

    fitted = camera_info_for(info, camera)

    assert str(info) == before
    assert (fitted.header, fitted.d, fitted.distortion_model) == (HEADER, info.d, info.distortion_model)
    assert (fitted.width, fitted.height) == size
    assert (max(1, fitted.binning_x), max(1, fitted.binning_y), fitted.roi) == (1, 1, RegionOfInterest())
    # Whoever reads it by the rules gets the same camera, and who reads P alone, as depth_image_proc does, too.
    assert values(pinhole_from_camera_info(fitted, *size)) == values(camera)
    assert list(fitted.p) == matrices(camera.fx, camera.fy, camera.cx, camera.cy)[1]


def test_the_raw_camera_is_scaled_beside_the_rectified_one():
    info = make_info(d=[0.1, 0.0, 0.0, 0.0, 0.0])

    fitted = camera_info_for(info, pinhole_from_camera_info(info, 320, 240))

    assert list(fitted.k) == matrices(250.0, 255.0, 320.5 / 2 - 0.5, 240.5 / 2 - 0.5)[0]
    assert list(fitted.p) == matrices(225.0, 230.0, 310.5 / 2 - 0.5, 230.5 / 2 - 0.5)[1]
