# SPDX-License-Identifier: Apache-2.0
"""The panel: what a person sees of a frame, and that no odd frame breaks it."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import pytest
from formula_checkpoint import formula_image

from joint_perception.domains import KITTI, NYUD, NYUD_KITTI
from joint_perception.engine import Frame, Prediction
from joint_perception.geometry import make_cloud
from joint_perception.offline.files import assumed_camera
from joint_perception.offline.panel import depth_picture, draw_panel, view_from_above

VOID = 255


def panel(labels, depth=None, domain=KITTI, note=""):
    height, width = labels.shape
    frame = Frame(formula_image(height, width), assumed_camera(domain, width, height))
    if depth is None:
        depth = np.linspace(1, 40, labels.size).reshape(labels.shape)
    prediction = Prediction(labels, np.asarray(depth, np.float32), np.ones(labels.shape, np.float32))
    cloud = make_cloud(frame.image, labels, prediction.depth, prediction.confidence, frame.camera)
    return draw_panel(frame, prediction, cloud, domain, note)


def striped(height, width, ids):
    """Labels in vertical stripes of equal width."""
    return np.asarray(ids, np.uint8)[np.arange(width) * len(ids) // width][None].repeat(height, axis=0)


def colors_of(picture):
    return {tuple(color) for color in picture.reshape(-1, 3).tolist()}


def legend_of(picture, tile_height):
    """The part of a panel of two rows of tiles that is beneath these."""
    return picture[2 * (tile_height + 32) :]


def in_legend(legend, domain):
    """Ids of the classes of whose colour there is a square."""
    square = np.ones((12, 12), np.uint8)
    masks = [(legend == color).all(axis=2).astype(np.uint8) for color in domain.colors]
    return [i for i, mask in enumerate(masks) if cv2.erode(mask, square, borderValue=0).any()]


def test_four_tiles_two_by_two_and_a_legend():
    labels = striped(120, 160, [0, 1, 2])

    picture = panel(labels)

    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert 2 * 160 <= picture.shape[1] < 2 * 160 + 40
    assert 2 * 120 < picture.shape[0] < 2 * 120 + 120
    # The image itself is the first tile, pixel by pixel, beneath its title.
    image = formula_image(120, 160)
    assert any((picture[top : top + 120, :160] == image).all() for top in range(60))
    halves = picture[:, :160], picture[:, 166 : 166 + 160]
    assert (halves[0] != halves[1]).mean() > 0.2


@pytest.mark.parametrize(("size", "columns"), [((100, 201), 1), ((100, 199), 2), ((375, 1242), 1), ((300, 100), 2)])
def test_wide_images_stand_one_above_the_other(size, columns):
    picture = panel(striped(*size, [1, 2]))

    assert columns * size[1] <= picture.shape[1] < columns * (size[1] + 10)
    assert picture.shape[0] > 4 // columns * size[0]


def test_the_legend_shows_the_colours_of_the_classes_there_and_of_no_others():
    for present in ([1, 2, 5], [0, 3, 4], [2], [VOID]):
        legend = legend_of(panel(striped(150, 240, present)), 150)

        assert in_legend(legend, KITTI) == [i for i in present if i != VOID]


def test_every_class_has_its_place_in_the_legend_when_all_are_there():
    labels = striped(200, 460, range(46))
    labels[:, -40:] = VOID

    shown = in_legend(legend_of(panel(labels, domain=NYUD_KITTI), 200), NYUD_KITTI)

    assert set(range(42)) <= set(shown)


def test_a_class_of_a_few_pixels_is_not_listed():
    labels = striped(150, 240, [2])
    labels[0, :50] = 5  # 0.14 %

    assert in_legend(legend_of(panel(labels), 150), KITTI) == [2]


def test_other_labels_and_other_depths_make_other_panels():
    labels = striped(90, 120, [1, 2])
    depth = np.full(labels.shape, 7.0)
    depth[:45] = 3

    pictures = [
        panel(labels),
        panel(striped(90, 120, [2, 1])),
        panel(striped(90, 120, [1, 3])),
        panel(labels, depth),
        panel(labels, depth[::-1]),
        panel(labels, note="of random weights"),
    ]

    seen = {(picture.shape, picture.tobytes()) for picture in pictures}
    assert len(seen) == len(pictures)
    again = panel(labels)
    assert np.array_equal(pictures[0], again)


@pytest.mark.parametrize("size", [(480, 640), (32, 40), (40, 32), (24, 100), (1, 1), (1, 60), (60, 1), (2, 3)])
@pytest.mark.parametrize("ids", [[0, 1, 2, 3, 4, 5], [VOID]], ids=["classes", "void"])
@pytest.mark.parametrize("metres", [np.nan, 0.001, 5.0, 80.0])
def test_no_frame_is_too_odd(size, ids, metres):
    picture = panel(striped(*size, ids), np.full(size, metres))

    assert picture.dtype == np.uint8
    assert picture.shape[0] >= 2 * size[0]
    assert picture.shape[1] >= size[1]
    assert picture.std() > 1


def test_a_frame_of_void_without_depth_shows_the_image_twice_and_nothing_else():
    size = (60, 80)
    image = formula_image(*size)

    picture = panel(np.full(size, VOID, np.uint8), np.full(size, np.nan), NYUD)

    title = next(top for top in range(60) if (picture[top : top + 60, :80] == image).all())
    np.testing.assert_array_equal(picture[title : title + 60, 86:166], image)  # void is not painted over
    second = picture.shape[0] - 28 - 60 - 6
    assert not picture[second : second + 60, :80].any()
    assert len(colors_of(picture[second : second + 60, 86:166])) == 1


def test_depth_is_red_near_blue_far_and_black_where_there_is_none():
    depth = np.geomspace(1, 50, 200, dtype=np.float32).reshape(1, 200).repeat(10, axis=0)
    depth[0] = np.nan

    picture, (near, far) = depth_picture(depth)

    assert not picture[0].any()
    hue = [colorsys.rgb_to_hsv(*(picture[5, column] / 255))[0] * 360 for column in (10, 60, 100, 140, 180)]
    assert hue == sorted(hue)  # red, yellow, green, cyan, blue
    assert hue[0] < 30
    assert hue[-1] > 180
    # The 1st and 99th percentile of a geometric row.
    assert (near, far) == pytest.approx((50**0.01, 50**0.99), rel=0.01)


def test_a_flat_wall_has_one_colour():
    picture, (near, far) = depth_picture(np.full((5, 6), 3.0, np.float32))

    assert near == far == 3
    assert len(colors_of(picture)) == 1


def test_from_above_a_post_stands_where_it_is():
    size = (101, 201)
    labels, depth = np.full(size, 2, np.uint8), np.full(size, np.nan, np.float32)
    camera = assumed_camera(KITTI, 201, 101, fx=100.0)
    depth[:, 150] = 5.0  # 50 pixels right of the centre: 45 degrees times a half, 2.5 m to the right
    labels[:, 150] = 5
    image = np.zeros((*size, 3), np.uint8)
    cloud = make_cloud(image, labels, depth, np.ones(size, np.float32), camera)

    picture = view_from_above(cloud, KITTI.colorize(labels), size, 10.0)

    rows, columns = np.nonzero((picture == KITTI.colors[5]).all(axis=2))
    # 10 pixels a metre, the camera at the middle of the lower edge.
    assert set(rows.tolist()) == {50}
    assert columns.mean() == pytest.approx(100 + 25, abs=1)


def test_from_above_the_highest_point_is_seen():
    size = (40, 60)
    labels = np.full(size, 2, np.uint8)
    labels[:20] = 4  # leaves above the road
    camera = assumed_camera(KITTI, 60, 40, fx=50.0)
    depth = np.full(size, 5.0, np.float32)
    cloud = make_cloud(np.zeros((*size, 3), np.uint8), labels, depth, np.ones(size, np.float32), camera)

    colors = colors_of(view_from_above(cloud, KITTI.colorize(labels), size, 10.0))

    assert KITTI.colors[4] in colors
    assert KITTI.colors[2] not in colors
