# SPDX-License-Identifier: Apache-2.0
"""Back-projection against closed forms and by projecting back; every field's bytes read by another hand."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from joint_perception.geometry import CloudOptions, Pinhole, make_cloud
from joint_perception.geometry.cloud import FIELDS, POINT_STEP, Crop


def parts(height, width, seed=0):
    """Image, labels, depth and confidence of that size, all of them different at each pixel."""
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        rng.integers(0, 6, (height, width), dtype=np.uint8),
        rng.uniform(0.5, 80, (height, width)).astype(np.float32),
        rng.uniform(0, 1, (height, width)).astype(np.float32),
    )


def camera_of(depth, fx=100.0, fy=100.0):
    height, width = depth.shape
    return Pinhole(fx, fy, (width - 1) / 2, (height - 1) / 2, width, height)


def projected(cloud, camera):
    """Pixel coordinates of every point, in double precision."""
    x, y, z = np.moveaxis(cloud.xyz.astype(np.float64), 2, 0)
    return camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy


@settings(max_examples=60)
@given(
    camera=st.builds(
        Pinhole,
        fx=st.floats(20, 5000),
        fy=st.floats(20, 5000),
        cx=st.floats(-1000, 2000),
        cy=st.floats(-1000, 2000),
        width=st.integers(1, 40),
        height=st.integers(1, 30),
    ),
    data=st.data(),
)
def test_points_project_back_onto_their_pixels(camera, data):
    shape = (camera.height, camera.width)
    depth = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(0.0625, 128, width=32)))
    image, labels, _, confidence = parts(*shape)

    cloud = make_cloud(image, labels, depth, confidence, camera)

    u, v = projected(cloud, camera)
    rows, columns = np.indices(shape)
    np.testing.assert_allclose(u, columns, rtol=0, atol=1e-3)
    np.testing.assert_allclose(v, rows, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(cloud.xyz[..., 2], depth)


def test_points_of_a_whole_camera_image_project_back():
    camera = Pinhole(721.5, 721.5, 609.6, 172.9, 1242, 375)

    u, v = projected(make_cloud(*parts(375, 1242), camera), camera)

    rows, columns = np.indices((375, 1242))
    assert max(abs(u - columns).max(), abs(v - rows).max()) < 1e-3


def test_a_wall_lies_in_a_plane_as_large_as_the_field_of_view_says():
    depth = np.full((481, 641), 2.0, np.float32)
    image, labels, _, confidence = parts(*depth.shape)

    xyz = make_cloud(image, labels, depth, confidence, camera_of(depth, 320.0, 240.0)).xyz

    assert xyz[240, 320].tolist() == [0, 0, 2]  # the optical axis
    assert xyz[0, 0].tolist() == [-2, -2, 2]  # 45 degrees left, and up: y points down
    assert xyz[480, 640].tolist() == [2, 2, 2]
    np.testing.assert_allclose(np.diff(xyz[0, :, 0]), 2 / 320, atol=1e-6)
    np.testing.assert_allclose(np.diff(xyz[:, 0, 1]), 2 / 240, atol=1e-6)


def test_a_floor_is_flat():
    # A camera 1.5 m above the ground that looks along it: depth of row v below the horizon is h * fy / (v - cy).
    camera = Pinhole(300.0, 310.0, 80.0, 9.5, 160, 120)
    rows = np.arange(120)
    depth = np.full((120, 160), np.nan, np.float32)
    depth[10:] = (1.5 * camera.fy / (rows[10:] - camera.cy))[:, None]
    image, labels, _, confidence = parts(120, 160)

    cloud = make_cloud(image, labels, depth, confidence, camera)

    np.testing.assert_allclose(cloud.xyz[10:, :, 1], 1.5, rtol=1e-6)
    assert np.isnan(cloud.xyz[:10]).all()


def test_the_bytes_of_a_point_are_those_of_a_pointcloud2():
    image, labels, depth, confidence = parts(3, 4)
    image[0, 0], image[0, 1], image[1, 2] = (0x12, 0x34, 0x56), (255, 255, 255), (0, 0, 0)

    data = make_cloud(image, labels, depth, confidence, camera_of(depth)).data

    assert [name for name, _ in FIELDS] == ["x", "y", "z", "rgb", "label", "confidence"]
    assert POINT_STEP == struct.calcsize("<ffffIf") == data[0, 0].nbytes
    assert data.flags.c_contiguous
    points = list(struct.iter_unpack("<ffffIf", data.astype("<f4", copy=False).tobytes()))
    for index, (_, _, z, rgb, label, sure) in enumerate(points):
        row, column = divmod(index, 4)
        # As PCL reads it: the float's bits are an integer, 0x00RRGGBB.
        (packed,) = struct.unpack("<I", struct.pack("<f", rgb))
        red, green, blue = (int(c) for c in image[row, column])
        assert packed == red << 16 | green << 8 | blue
        assert (z, label, sure) == (depth[row, column], labels[row, column], confidence[row, column])
    assert struct.pack("<f", points[0][3]) == bytes([0x56, 0x34, 0x12, 0x00])


@given(color=st.tuples(*[st.integers(0, 255)] * 3), label=st.integers(0, 255), confidence=st.floats(0, 1, width=32))
def test_every_colour_label_and_confidence_comes_through(color, label, confidence):
    cloud = make_cloud(
        np.full((1, 1, 3), color, np.uint8),
        np.full((1, 1), label, np.uint8),
        np.ones((1, 1), np.float32),
        np.full((1, 1), confidence, np.float32),
        Pinhole(1, 1, 0, 0, 1, 1),
    )

    assert cloud.rgb[0, 0] == color[0] * 65536 + color[1] * 256 + color[2]
    assert cloud.labels[0, 0] == label
    assert cloud.confidence[0, 0] == np.float32(confidence)
    assert cloud.rgb.dtype == cloud.labels.dtype == np.uint32


@pytest.mark.parametrize("excluded", [(0,), [2, 5], {0, 1, 2, 3, 4, 5}, frozenset({255})])
def test_excluded_classes_lose_their_points_and_nothing_else(excluded):
    image, labels, depth, confidence = parts(20, 30)
    labels[0, :5] = 255
    before = depth.copy()

    cloud = make_cloud(image, labels, depth, confidence, camera_of(depth), excluded)
    whole = make_cloud(image, labels, depth, confidence, camera_of(depth))

    gone = np.isin(labels, list(excluded))
    assert gone.any()
    assert np.isnan(cloud.xyz[gone]).all()
    np.testing.assert_array_equal(cloud.valid, ~gone)
    np.testing.assert_array_equal(cloud.xyz[~gone], whole.xyz[~gone])
    for field in ("rgb", "labels", "confidence"):
        np.testing.assert_array_equal(getattr(cloud, field), getattr(whole, field))
    np.testing.assert_array_equal(depth, before)  # the caller's array


def test_no_depth_no_point_but_colour_label_and_confidence():
    image, labels, depth, confidence = parts(20, 30)
    depth[3:7, 4:9] = np.nan

    cloud = make_cloud(image, labels, depth, confidence, camera_of(depth))

    hole = np.isnan(depth)
    assert np.isnan(cloud.xyz[hole]).all()
    assert np.isfinite(cloud.xyz[~hole]).all()
    np.testing.assert_array_equal(cloud.valid, ~hole)
    np.testing.assert_array_equal(cloud.labels, labels)
    np.testing.assert_array_equal(cloud.confidence, confidence)
    np.testing.assert_array_equal(cloud.rgb >> 16, image[..., 0])
    np.testing.assert_array_equal(cloud.rgb & 255, image[..., 2])


def test_images_that_are_views_are_read_as_they_are_seen():
    image, labels, depth, confidence = parts(8, 12)
    camera = camera_of(depth[:, ::2])

    cloud = make_cloud(image[:, ::2], labels[:, ::2], depth[:, ::2], confidence[:, ::2], camera)

    np.testing.assert_array_equal(cloud.labels, labels[:, ::2])
    np.testing.assert_array_equal(cloud.rgb >> 8 & 255, image[:, ::2, 1])
    np.testing.assert_array_equal(cloud.xyz[..., 2], depth[:, ::2])


@pytest.mark.parametrize("odd_one", ["image", "labels", "depth", "confidence", "camera"])
def test_parts_of_different_sizes_are_refused_with_their_sizes(odd_one):
    keys = ("image", "labels", "depth", "confidence")
    given_parts = dict(zip(keys, parts(6, 8), strict=True)) | {"camera": Pinhole(10, 10, 4, 3, 8, 6)}
    other = dict(zip(keys, parts(6, 9), strict=True)) | {"camera": Pinhole(10, 10, 4, 3, 9, 6)}
    given_parts[odd_one] = other[odd_one]

    with pytest.raises(ValueError, match=r"must be of one height and width") as caught:
        make_cloud(**given_parts)

    assert "(6, 9)" in str(caught.value)
    assert "(6, 8)" in str(caught.value)


@settings(max_examples=60)
@given(
    height=st.integers(1, 30),
    width=st.integers(1, 40),
    stride=st.integers(1, 5),
    crop=st.builds(Crop, *[st.floats(0, 0.49)] * 4),
    edge_filter=st.sampled_from([0.0, 0.5]),
)
def test_a_cropped_cloud_is_a_part_of_the_whole_one(height, width, stride, crop, edge_filter):
    image, labels, depth, confidence = parts(height, width)
    camera = camera_of(depth)

    whole = make_cloud(image, labels, depth, confidence, camera, [2], CloudOptions(edge_filter=edge_filter))
    options = CloudOptions(stride=stride, crop=crop, edge_filter=edge_filter)
    cropped = make_cloud(image, labels, depth, confidence, camera, [2], options)

    rows, columns = crop.window(height, width)
    expected = whole.data[rows, columns][::stride, ::stride]
    np.testing.assert_array_equal(cropped.data.view(np.uint32), expected.view(np.uint32))
    assert cropped.data.size > 0


def test_a_crop_cuts_the_share_it_says():
    assert Crop(left=0.25, top=0.5, right=0.1).window(80, 120) == (slice(40, 80), slice(30, 108))


@pytest.mark.parametrize("crop", [Crop(left=0.5, right=0.5), Crop(top=1.0), Crop(bottom=-0.1), Crop(left=float("nan"))])
def test_a_crop_that_leaves_nothing_is_refused(crop):
    with pytest.raises(ValueError, match="Crop"):
        CloudOptions(crop=crop)
