# SPDX-License-Identifier: Apache-2.0
"""What published ids mean, with groups and without."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.domains import KITTI, NYUD, DomainError
from joint_perception.geometry import PointSet
from joint_perception.pipeline.groupings import load_grouping
from joint_perception.pipeline.labels import LabelMeaning, meaning

LABELS = np.array([[0, 2, 3], [4, 5, 255]], np.uint8)  # sky, road, sidewalk; vegetation, car, void


def test_without_groups_ids_are_the_networks():
    plain = LabelMeaning(KITTI, "")

    assert plain.published is KITTI
    assert plain.of(LABELS) is LABELS
    assert plain.class_ids(["road", "sidewalk", "floor"]) == [2, 3]


def test_with_groups_ids_names_and_points_follow():
    grouped = LabelMeaning(KITTI, "traversability")
    points = PointSet(np.zeros((6, 6), np.float32))
    points.labels[...] = LABELS.ravel()

    grouped.relabel(points)

    assert grouped.published.class_names == ("ground", "overhead", "obstacle")
    np.testing.assert_array_equal(grouped.of(LABELS), [[1, 0, 0], [2, 2, 255]])
    np.testing.assert_array_equal(points.labels, grouped.of(LABELS).ravel())


def test_classes_can_be_named_by_themselves_and_by_their_group():
    grouped = LabelMeaning(NYUD, "traversability")

    ground = grouped.class_ids(["ground"])
    assert [NYUD.class_names[i] for i in ground] == ["floor", "floor-mat"]
    assert [NYUD.class_names[i] for i in grouped.class_ids(["ground", "ceiling"])] == ["floor", "floor-mat", "ceiling"]


def test_a_meaning_is_made_once():
    assert meaning(KITTI, "navigation") is meaning(KITTI, "navigation")
    assert meaning(KITTI, "navigation") is not meaning(NYUD, "navigation")


def test_a_file_of_ones_own_can_be_changed(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("groups: {a: {classes: [road]}}\n")
    assert load_grouping(str(file)).class_names == ("a",)
    file.write_text("groups: {longer: {classes: [road]}}\n")
    assert load_grouping(str(file)).class_names == ("longer",)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "choose navigation, traversability, or the path"), ("groups: [", "mine.yaml"), ("groups: {}", "'mine'")],
)
def test_a_file_that_says_nothing_is_refused(tmp_path, content, told):
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_text(content)

    with pytest.raises(DomainError, match=told):
        load_grouping(str(file))


def test_a_name_that_is_none_is_told_with_those_that_are():
    with pytest.raises(DomainError, match=r"'navigatoin'.*choose navigation, traversability"):
        load_grouping("navigatoin")
