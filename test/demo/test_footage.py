# SPDX-License-Identifier: Apache-2.0
"""The user's pictures, folders and videos come as they are, in order, at their own speed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from joint_perception.demo import footage
from joint_perception.offline.files import ImageFileError, write_image


def picture(level: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def write_video(path, levels, fps):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV cannot write videos")
    for level in levels:
        writer.write(picture(level))
    writer.release()


def levels(shots):
    return [int(shot.image.mean().round()) for shot in shots]


@pytest.fixture
def files(tmp_path):
    """Pictures 10.png, 20.png, 30.png of that grey, written in another order, and a file that is none."""
    for level in (30, 10, 20):
        write_image(tmp_path / f"{level}.png", picture(level))
    (tmp_path / "notes.txt").write_text("none")
    return tmp_path


def test_picture_files_share_the_time_in_the_order_they_are_named(files):
    inputs = [files / "30.png", files / "10.png"]

    shots = list(footage.shots(inputs, 5, 10.0))

    assert levels(shots) == [30, 30, 10, 10, 10]
    assert shots[0] is shots[1], "so that the camera need not make its messages again"
    assert levels(footage.shots(inputs, 1, 10.0)) == [30, 10], "each is seen, however short the time"


def test_a_folder_is_played_by_name_a_frame_each_and_not_longer_than_asked(files):
    assert levels(footage.shots([files], 100, 10.0)) == [10, 20, 30]
    assert levels(footage.shots([files], 2, 10.0)) == [10, 20]
    assert levels(footage.shots([files, files / "20.png"], 100, 10.0)) == [10, 20, 30, 20]


@pytest.mark.parametrize(
    ("fps", "rate", "expected"),
    [
        (10, 10.0, [0, 20, 40, 60, 80, 100]),
        (30, 10.0, [0, 60]),
        (10, 20.0, [0, 0, 20, 20, 40, 40, 60, 60, 80, 80, 100, 100]),
    ],
)
def test_a_video_is_played_at_its_own_speed(tmp_path, fps, rate, expected):
    write_video(tmp_path / "video.avi", [0, 20, 40, 60, 80, 100], fps)

    got = levels(footage.shots([tmp_path / "video.avi"], 100, rate))

    assert got == pytest.approx(expected, abs=3)


def test_colours_are_rgb(tmp_path):
    red = picture(0)
    red[..., 2] = 250  # OpenCV's third
    writer = cv2.VideoWriter(str(tmp_path / "red.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV cannot write videos")
    writer.write(red)
    writer.release()

    image = next(footage.shots([tmp_path / "red.avi"], 1, 10.0)).image

    assert image[..., 0].mean() > 200
    assert image[..., 1:].mean() < 50


def test_the_camera_is_that_of_the_domain_or_of_what_the_picture_looks_like(tmp_path):
    write_image(tmp_path / "narrow.png", picture(1, (480, 640)))
    write_image(tmp_path / "wide.png", picture(1, (375, 1242)))

    def camera(name, domain=""):
        return next(footage.shots([tmp_path / name], 1, 10.0, domain)).camera

    assert camera("narrow.png").fx == pytest.approx(518.86)
    assert camera("wide.png").fx == pytest.approx(721.5)
    assert camera("narrow.png", "kitti").fx == pytest.approx(721.5 * 640 / 1242)
    assert camera("wide.png", "nyud_kitti").fx == pytest.approx(721.5), "no one camera is that of both"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.png", "absent.png.*check the path"),
        ("absent", "absent.*neither a file nor a folder"),
        ("empty", "empty.*no pictures.*name another"),
        ("text.mp4", "text.mp4.*no video.*convert"),
        ("text.png", "text.png.*cannot be decoded"),
        ("broken", "bad.jpg.*cannot be decoded"),
    ],
)
def test_what_cannot_be_played_is_named_before_anything_starts(tmp_path, name, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    for file in ("text.mp4", "text.png", "broken/bad.jpg"):
        (tmp_path / file).write_text("not a picture")

    with pytest.raises(ImageFileError, match=words):
        footage.check([tmp_path / name], 10, 10.0)
