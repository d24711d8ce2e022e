# SPDX-License-Identifier: Apache-2.0
"""Groupings: of classes that exist, without gaps, with a mistake told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from joint_perception.domains import DOMAINS, KITTI, NYUD, DomainError
from joint_perception.domains.grouping import Grouping

FOLDER = Path(__file__).parents[2] / "config" / "groupings"
FILES = sorted(FOLDER.glob("*.yaml"))
CLASSES = {name for domain in DOMAINS.values() for name in domain.class_names}

TWO = {
    "groups": {
        "ground": {"classes": ["floor", "road"], "color": [1, 2, 3]},
        "people": {"classes": ["person"]},
    }
}


def load(file):
    return Grouping.from_mapping(yaml.safe_load(file.read_text()), file.stem)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_packages_groupings_cover_every_class_of_every_domain(file):
    grouping = load(file)

    for domain in DOMAINS.values():
        groups = grouping.table(domain)[: domain.num_classes]
        missing = [name for name, group in zip(domain.class_names, groups, strict=True) if group == 255]
        assert not missing, f"in no group: {missing}"
    named = [name for members in grouping.members for name in members]
    assert set(named) <= CLASSES
    assert len(set(named)) == len(named)
    assert len(set(grouping.colors)) == len(grouping.colors), "two groups look the same"


def test_there_are_groupings():
    assert {file.stem for file in FILES} >= {"navigation", "traversability"}


def test_the_table_sends_each_class_to_its_group_and_the_others_to_void():
    table = Grouping.from_mapping(TWO, "two").table(NYUD)

    assert table.shape == (256,)
    assert table[NYUD.class_names.index("floor")] == 0
    assert table[NYUD.class_names.index("person")] == 1
    assert table[NYUD.class_names.index("wall")] == 255
    assert table[255] == 255
    assert (table != 255).sum() == 2


def test_the_rest_takes_what_none_names_but_never_void():
    table = Grouping.from_mapping(TWO | {"rest": "people"}, "two").table(KITTI)

    assert table[KITTI.class_names.index("road")] == 0
    assert set(table[: KITTI.num_classes]) == {0, 1}
    np.testing.assert_array_equal(table[KITTI.num_classes :], 255)


def test_what_is_published_has_the_groups_names_and_colours():
    published = Grouping.from_mapping(TWO, "two").grouped_domain(KITTI)

    assert published.name == "kitti/two"
    assert published.class_names == ("ground", "people")
    assert published.colors[0] == (1, 2, 3)
    assert published.colors[1] not in (published.colors[0], (0, 0, 0))
    assert published.depth_range == KITTI.depth_range
    assert tuple(published.palette[255]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        (None, "says None; it takes groups and rest"),
        ({"groups": TWO["groups"], "colours": {}}, "it takes groups and rest"),
        ({"groups": {}}, "give 1 to 254"),
        ({"groups": ["floor"]}, "give 1 to 254"),
        ({"groups": {"a": {"classes": "floor"}}}, "give a list of names"),
        ({"groups": {"a": {"classes": ["flor"]}}}, "'flor', which no domain has; did you mean 'floor'"),
        ({"groups": {"a": {"classes": ["floor"]}, "b": {"classes": ["floor"]}}}, "is in 'a' and in 'b'"),
        ({"groups": {"a": {"classes": ["floor"], "colour": [1, 2, 3]}}}, "it takes classes and color"),
        ({"groups": {"a": {"classes": ["floor"], "color": [1, 2]}}}, "give \\[r, g, b\\], each 0 to 255"),
        ({"groups": {"a": {"classes": ["floor"], "color": [1, 2, 256]}}}, "each 0 to 255"),
        ({"groups": {"a": {"classes": ["floor"], "color": [1, 2, True]}}}, "each 0 to 255"),
        ({"groups": {"a": {"classes": ["floor"]}}, "rest": "b"}, "'b', which is none of its groups"),
    ],
)
def test_a_mistake_is_told(mapping, told):
    with pytest.raises(DomainError, match=told):
        Grouping.from_mapping(mapping, "mine")
