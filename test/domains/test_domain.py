# SPDX-License-Identifier: Apache-2.0
"""A domain: colours of labels, ids of names, and what it refuses."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from joint_perception.domains import Domain, DomainError


def make(**changes):
    fields = {
        "name": "farm",
        "class_names": ("cow", "barn", "sky"),
        "colors": ((1, 2, 3), (40, 50, 60), (255, 0, 255)),
        "depth_range": (0.5, 20.0),
        "focal_length": 500.0,
        "image_width": 640,
    }
    return Domain(**(fields | changes))


def test_labels_get_their_colours_and_the_rest_is_black():
    labels = np.array([[0, 1, 2], [255, 3, 254]], np.uint8)

    colors = make().colorize(labels)

    assert colors.dtype == np.uint8
    expected = [[(1, 2, 3), (40, 50, 60), (255, 0, 255)], [(0, 0, 0), (0, 0, 0), (0, 0, 0)]]
    assert colors.tolist() == [[list(color) for color in row] for row in expected]


def test_the_palette_has_a_colour_for_every_byte():
    palette = make().palette

    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert palette[:3].tolist() == [[1, 2, 3], [40, 50, 60], [255, 0, 255]]
    assert not palette[3:].any()


def test_class_ids_are_the_indices_of_the_names():
    domain = make()

    assert domain.class_ids(("sky",)) == (2,)
    assert domain.class_ids(("sky", "cow")) == (0, 2)
    assert domain.class_ids(()) == ()
    assert make(class_names=("sky", "barn", "sky")).class_ids(("sky",)) == (0, 2)


def test_unknown_classes_are_named_and_the_known_ones_listed():
    with pytest.raises(DomainError, match=r"'farm' has no class 'pig', 'Cow'; it has cow, barn, sky"):
        make().class_ids(("pig", "sky", "Cow"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colors": ((1, 2, 3),)}, "'farm' has 3 class names but 1 colours"),
        ({"depth_range": (5.0, 5.0)}, r"'farm' has depth range \(5.0, 5.0\)"),
        ({"depth_range": (5.0, 1.0)}, "0 <= min < max"),
        ({"depth_range": (-1.0, 1.0)}, "0 <= min < max"),
        ({"depth_range": (float("nan"), 1.0)}, "0 <= min < max"),
        ({"depth_range": (0.0, float("nan"))}, "0 <= min < max"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes, named):
    with pytest.raises(DomainError, match=named):
        make(**changes)


def test_a_domain_does_not_change():
    with pytest.raises(FrozenInstanceError):
        make().depth_range = (0.0, 1.0)
