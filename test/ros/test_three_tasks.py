# SPDX-License-Identifier: Apache-2.0
"""Other networks than the six-class one, through the node."""

from __future__ import annotations

import pytest
from ros_graph import array_of, camera_info, image_message, picture


@pytest.mark.parametrize(
    ("classes", "tasks", "domain", "named"),
    [(40, 3, "", "nyud"), (46, 2, "kitti", "kitti"), (46, 2, "", "nyud_kitti")],
)
def test_domains(graph, start_node, checkpoints, classes, tasks, domain, named):
    node = start_node(weights=str(checkpoints(classes, tasks)), domain=domain)
    graph.subscribe("label", "classes")
    graph.wait_for_camera_match(node)
    got = graph.exchange(image_message(picture(64, 96)), camera_info(96, 64), ("label",), node)
    graph.wait(lambda: graph.received["classes"], "the class map", node=node)
    class_map = graph.received["classes"][0]
    assert class_map.domain == named
    assert array_of(got["label"]).max() < len(class_map.classes)
