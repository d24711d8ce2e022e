# SPDX-License-Identifier: Apache-2.0
"""Degradations: as strong as they say, the same each time, annotations left where they belong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from joint_perception.learning.datasets import Sample
from joint_perception.learning.degradation import (
    KINDS,
    Degradation,
    DegradationError,
    Degraded,
    parse_degradation,
    rolling_window,
)

SIZE = (48, 64)


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(40, 216, (12, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    labels = np.arange(SIZE[0] * SIZE[1], dtype=np.int64).reshape(SIZE).astype(np.uint8)
    depth = rng.uniform(1, 9, SIZE).astype(np.float32)
    normals = np.dstack([depth, depth, depth])
    return Sample(image, labels, depth, normals, "a sample")


class OneSample:
    name, split, domain, note = "rooms", "test", None, "a note"

    def __init__(self, sample):
        self.sample = sample

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return self.sample


@pytest.mark.parametrize("kind", KINDS)
def test_worse_the_same_each_time_and_the_original_left_alone(kind, sample):
    before = sample.image.copy()
    first, again = (parse_degradation(kind).apply(sample, 3) for _ in range(2))

    np.testing.assert_array_equal(sample.image, before)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.image.shape != before.shape or (first.image != before).mean() > 0.2
    if kind != "rolling_crop":
        assert first.labels is sample.labels
        assert first.depth is sample.depth


def test_noise_has_its_deviation_and_differs_between_images(sample):
    grey = Sample(np.full((200, 200, 3), 128, np.uint8), None, None, None, "grey")
    first, second = (parse_degradation("noise:12").apply(grey, index).image.astype(float) for index in (0, 1))

    assert first.std() == pytest.approx(12, rel=0.02)
    assert first.mean() == pytest.approx(128, abs=0.2)
    assert (first != second).mean() > 0.9


def test_blur_spreads_a_point_as_a_gaussian_does():
    point = np.zeros((61, 61, 3), np.uint8)
    point[30, 30] = 255
    blurred = parse_degradation("blur:2").apply(Sample(point, None, None, None, "point"), 0).image[..., 0].astype(float)

    # 255 / (2 pi 2^2) = 10.1 at its middle.
    assert blurred[30, 30] == pytest.approx(255 / (2 * np.pi * 4), abs=1)  # OpenCV rounds its kernel
    np.testing.assert_array_equal(blurred, blurred.T)


def test_darkness_takes_light_away_not_grey_levels():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    dark = parse_degradation("dark:0.1").apply(Sample(ramp, None, None, None, "ramp"), 0).image[0, :, 0]

    # 10 % of white's light is sRGB 0.349, level 89 (IEC 61966-2-1).
    assert (dark[0], dark[255]) == (0, 89)
    assert (np.diff(dark.astype(int)) >= 0).all()
    same = parse_degradation("dark:1").apply(Sample(ramp, None, None, None, "ramp"), 0).image
    np.testing.assert_array_equal(same, ramp)


def test_jpeg_is_that_of_its_quality(sample):
    worse = parse_degradation("jpeg").apply(sample, 0).image
    done, packed = cv2.imencode(".jpg", sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 10])
    assert done
    np.testing.assert_array_equal(worse, cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])
    good = parse_degradation("jpeg:95").apply(sample, 0).image
    error = [np.abs(image.astype(int) - sample.image).mean() for image in (good, worse)]
    assert error[0] < error[1] / 2


def test_a_crop_cuts_the_annotations_like_the_image(sample):
    window = rolling_window(5, 0.5, *SIZE)
    cut = parse_degradation("rolling_crop:0.5").apply(sample, 5)

    for whole, part in ((sample.image, cut.image), (sample.labels, cut.labels), (sample.depth, cut.depth)):
        np.testing.assert_array_equal(part, whole[window])
    assert cut.image.shape == (24, 32, 3)
    assert cut.normals.shape == (24, 32, 3)


def test_the_window_rolls_over_the_whole_image():
    seen = np.zeros(SIZE, int)
    for index in range(8):
        rows, columns = rolling_window(index, 0.5, *SIZE)
        assert 0 <= rows.start < rows.stop <= SIZE[0]
        assert 0 <= columns.start < columns.stop <= SIZE[1]
        seen[rows, columns] += 1
    assert rolling_window(8, 0.5, *SIZE) == rolling_window(0, 0.5, *SIZE)
    assert (seen > 0).all()
    assert seen.max() < 8, "it moves"
    assert rolling_window(3, 1.0, *SIZE) == (slice(0, 48), slice(0, 64))


def test_a_degraded_data_set_says_what_was_done_to_it(sample):
    degraded = Degraded(OneSample(sample), Degradation("blur", 2.0))

    assert (degraded.name, degraded.split, len(degraded)) == ("rooms", "test", 20)
    assert "a note; degraded: blur:2, standard deviation" in degraded.note
    np.testing.assert_array_equal(degraded[4].image, Degradation("blur", 2.0).apply(sample, 4).image)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rain", "no degradation 'rain'; choose one of noise, blur"),
        ("rain:2", "no degradation 'rain'"),
        ("", "no degradation ''"),
        ("noise:", "no number after its colon"),
        ("noise:much", "no number after its colon"),
        ("noise:-1", "goes from 0 to 255"),
        ("noise:nan", "goes from 0 to 255"),
        ("blur:inf", "goes from 0 to 100"),
        ("dark:0", "goes from 0.001 to 1"),
        ("jpeg:101", "goes from 1 to 100"),
        ("rolling_crop:0", "goes from 0.1 to 1"),
    ],
)
def test_what_is_no_degradation(text, told):
    with pytest.raises(DegradationError, match=told):
        parse_degradation(text)
