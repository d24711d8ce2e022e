# SPDX-License-Identifier: Apache-2.0
"""The node with a network of somebody else's, by its contract, over DDS."""

from __future__ import annotations

import json

import numpy as np
import pytest
from garden_network import BRICK, CONTRACT, GRASS, WATER, garden_picture, write_garden_network
from ros_graph import array_of, camera_info, image_message, points_of

from joint_perception.engine import Frame, load_engine

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

WIDTH, HEIGHT = 115, 75


@pytest.fixture
def garden(tmp_path):
    return write_garden_network(tmp_path)


def test_own_classes_go_through_the_node(graph, start_node, garden):
    node = start_node(weights=str(garden), runtime="auto", points__excluded_classes=["water"])
    graph.subscribe("label", "label_color", "depth", "points", "classes")
    graph.wait_for_camera_match(node)
    image = garden_picture(HEIGHT, WIDTH)

    wanted = ("label", "label_color", "depth", "points")
    got = graph.exchange(image_message(image), camera_info(WIDTH, HEIGHT), wanted, node)

    labels, depth = array_of(got["label"]), array_of(got["depth"])
    expected = load_engine(str(garden), device="cpu").predict([Frame(image)])[0]
    np.testing.assert_array_equal(labels, expected.labels)
    assert [labels[40, x] for x in (10, 57, 105)] == [WATER, GRASS, BRICK]
    assert tuple(array_of(got["label_color"])[40, 105]) == (180, 60, 30)
    np.testing.assert_allclose(depth, expected.depth, rtol=1e-4)
    points = points_of(got["points"])
    np.testing.assert_array_equal(np.isnan(points["z"]), (labels == WATER) | np.isnan(depth))
    classes = graph.received["classes"][0]
    assert (classes.domain, [c.name for c in classes.classes]) == ("garden", ["water", "grass", "brick"])
    assert "garden (3 classes)" in node.log


def test_what_is_wrong_with_a_contract_is_in_the_log(graph, start_node, garden):
    garden.write_text(CONTRACT.replace("colors: BGR", "colours: BGR"))

    node = start_node(weights=str(garden), runtime="auto")

    graph.wait(lambda: "autostart failed" in node.log, "the node to give up", node=node)
    assert "has no key 'colours'; did you mean 'colors'?" in node.log
    assert "Traceback" not in node.log


def test_a_class_that_neither_the_contract_nor_a_domain_has_is_refused(declare, garden):
    given = ("weights:=" + json.dumps(str(garden)), "points.excluded_classes:=[watr]")

    with pytest.raises(ValueError, match=r"'points\.excluded_classes' names class 'watr'.*did you mean 'water'"):
        declare(*given)[1].check()
