# SPDX-License-Identifier: Apache-2.0
"""The way through a synthetic world: what the renderer says, of worlds that no weights have seen."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from joint_perception.demo import scenery
from joint_perception.demo.shot import DemoError


def test_frames_are_the_renderers_in_order_with_their_truth():
    worlds = pytest.importorskip("joint_perception.learning.worlds", reason="embreex is not installed")
    kind, number, count, rate = "rooms", 3, 5, 2.0

    shots = scenery.render_path(kind, number, count, rate)

    world = worlds.make_world(kind, scenery.FIRST_SEED[kind] + number)
    poses = world.path(count, rate)
    assert len(shots) == count
    for i in (0, 1, 4):
        expected = world.render(shots[i].camera, poses[i])
        assert shots[i].image.shape == (240, 320, 3)
        np.testing.assert_array_equal(shots[i].image, expected.image)
        np.testing.assert_array_equal(shots[i].truth.labels, expected.labels)
        np.testing.assert_array_equal(shots[i].truth.depth, expected.depth)
        np.testing.assert_array_equal(shots[i].truth.pose, poses[i])
    domain = worlds.domain_of(kind)
    assert scenery.DOMAINS[kind] is domain
    assert shots[0].camera.fx == domain.focal_length_at(320), "depth needs no rescaling"


@pytest.mark.parametrize("kind", ["streets", "rooms"])
def test_worlds_come_after_all_that_are_trained_or_validated_on(kind):
    worlds = pytest.importorskip("joint_perception.learning.worlds", reason="embreex is not installed")
    synthetic = pytest.importorskip("joint_perception.learning.datasets.synthetic")
    first, per_world = scenery.FIRST_SEED[kind], worlds.VIEWS_PER_WORLD[kind]

    def last_world(split):
        start, count = synthetic.SPLITS[split]
        return (start + count - 1) // per_world

    assert first == synthetic.SPLITS["test"][0] // per_world
    assert first > max(last_world("train"), last_world("val"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("beaches", 0, 10), "'beaches'.*streets or rooms"),
        (("rooms", -1, 10), "-1.*0 or more"),
        (("rooms", 0, 100_000), "100000 frames.*lower the rate"),
    ],
)
def test_what_cannot_be_rendered_is_said_at_once(arguments, words):
    with pytest.raises(DemoError, match=words):
        scenery.check(*arguments)


def test_without_a_renderer_the_way_out_is_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "embreex", None)

    with pytest.raises(DemoError, match=r"embreex.*not installed.*pictures of your own"):
        scenery.check("streets", 0, 10)
