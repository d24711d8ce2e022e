# SPDX-License-Identifier: Apache-2.0
"""What Nav2's layers get of the outputs made for them, ~/obstacles, ~/confidence and ~/label_info; our costmap YAML."""

from __future__ import annotations

import re
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import yaml
from joint_perception.msg import ClassMap
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from ros_graph import NODE, camera_info
from sensor_msgs.msg import Image, PointCloud2, PointField

from joint_perception.domains import DOMAINS

CONFIGS = Path(__file__).parents[2] / "config" / "nav2"
CLASSES = ("sky", "building", "road", "sidewalk", "vegetation", "car")
NEVER = ("sky", "road", "sidewalk")  # the defaults of obstacles.floor_classes and obstacles.excluded_classes
VOXEL = 0.5
LATCHED = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope="module")
def heard(stations, scenes):
    """The outputs for planners of one frame, and its label, depth and points, as sensor-data subscribers get them."""
    station, kinds = stations["metres"], {"obstacles": PointCloud2, "confidence": Image}
    station.set(obstacles__ground="none", obstacles__voxel_size=VOXEL)
    try:
        scene = station.overhear(scenes["metres"].pixels, camera_info(168, 120), kinds, ("label", "depth", "points"))
    finally:
        station.set(obstacles__ground="estimated", obstacles__voxel_size=0.05)
    return scene, scene.outputs["obstacles"], scene.outputs["confidence"]


def xyz_of(cloud):
    """The points as obstacle_layer.cpp walks them, by the offsets of the fields: (N, 3) float32."""
    fields = {field.name: field for field in cloud.fields}
    assert {fields[axis].datatype for axis in "xyz"} == {PointField.FLOAT32}
    raw = np.frombuffer(cloud.data, np.uint8).reshape(-1, cloud.point_step)
    return np.stack(
        [
            np.ascontiguousarray(raw[:, fields[axis].offset : fields[axis].offset + 4]).view("<f4")[:, 0]
            for axis in "xyz"
        ],
        axis=1,
    )


def test_obstacles_are_points_and_nothing_else(heard):
    scene, obstacles, _ = heard
    points = xyz_of(obstacles)

    assert obstacles.height == 1
    assert obstacles.width == len(points) > 10
    assert len(obstacles.data) == obstacles.width * obstacles.point_step
    assert np.isfinite(points).all()
    assert obstacles.header == scene.image.header


def test_no_obstacle_is_floor_or_sky(heard):
    scene, obstacles, _ = heard
    points, mask = xyz_of(scene.outputs["points"]), scene.array("label").ravel()
    known = {tuple(point): label for point, label in zip(points, mask, strict=True)}

    labels = {CLASSES[known[tuple(point)]] for point in xyz_of(obstacles)}

    assert labels
    assert not labels & set(NEVER)


def test_a_voxel_has_one_obstacle(heard):
    points = xyz_of(heard[1]).astype(float)
    # Up to rounding at the very edges of the cubes.
    cubes = {tuple(cube) for cube in np.floor(points / VOXEL).astype(int)}

    assert len(cubes) >= 0.99 * len(points)


def test_confidence_is_a_byte_for_each_pixel_of_the_mask(heard):
    scene, _, confidence = heard
    mask = scene.outputs["label"]

    assert confidence.encoding == "mono8"
    assert confidence.step == confidence.width
    assert (confidence.height, confidence.width) == (mask.height, mask.width)
    got = np.frombuffer(confidence.data, np.uint8).reshape(mask.height, mask.width)
    np.testing.assert_allclose(got, scene.points["confidence"] * 255, atol=1.0)


@pytest.mark.skipif(find_spec("vision_msgs") is None, reason="vision_msgs is not installed")
def test_a_late_subscriber_of_the_label_info_is_told_every_class(scene, visitor):
    from vision_msgs.msg import LabelInfo  # noqa: PLC0415 (not everywhere)

    received = []
    visitor.node.create_subscription(LabelInfo, f"{visitor.node_name}/label_info", received.append, LATCHED)

    visitor.wait(lambda: received, "the label info", node=scene.station.process)

    named = {entry.class_id: entry.class_name for entry in received[0].class_map}
    assert named == dict(enumerate(CLASSES)) | {255: "unlabeled"}
    assert set(np.unique(scene.array("label")).tolist()) <= set(named)


def test_groups_of_classes_can_be_had_in_place_of_the_classes(stations, scenes):
    """Forty classes are many for a planner: mask, cloud and class map all speak of the groups."""
    station, before = stations["metres"], scenes["metres"]
    station.set(grouping="navigation")
    node, heard = station.graph.node, []
    try:
        scene = station.show(before.pixels, camera_info(168, 120), ("label", "points"))
        late = node.create_subscription(ClassMap, f"{station.graph.node_name}/classes", heard.append, LATCHED)
        station.graph.wait(lambda: heard, "the groups", node=station.process)
        node.destroy_subscription(late)
    finally:
        station.set(grouping="")
        station.show(before.pixels, camera_info(168, 120), ("label",))

    told = {entry.id: entry.name for entry in heard[0].classes}
    group = {"sky": "sky", "building": "wall", "road": "floor", "sidewalk": "sidewalk", "car": "vehicle"}
    expected = [group.get(name, name) for name in (CLASSES[i] for i in before.array("label").ravel())]
    assert [told[i] for i in scene.array("label").ravel().tolist()] == expected
    np.testing.assert_array_equal(scene.points["label"], scene.array("label"))


@pytest.mark.skipif(find_spec("message_filters") is None, reason="message_filters is not installed")
def test_the_official_filters_join_mask_confidence_and_cloud(scenes, stations):
    """As the layer does: approximate, 0.1 s."""
    from message_filters import ApproximateTimeSynchronizer, Subscriber  # noqa: PLC0415 (not everywhere)

    station, joined = stations["metres"], []
    node, own = station.graph.node, station.graph.node_name
    kinds = {"label": Image, "confidence": Image, "points": PointCloud2}
    inputs = [
        Subscriber(node, kind, f"{own}/{name}", qos_profile=qos_profile_sensor_data) for name, kind in kinds.items()
    ]
    filters = ApproximateTimeSynchronizer(inputs, 1000, 0.1)
    filters.registerCallback(lambda *messages: joined.append(messages))
    try:
        for _ in range(20):
            station.show(scenes["metres"].pixels, camera_info(168, 120), ("label",))
            station.graph.spin(0.2)
            if joined:
                break
    finally:
        for part in inputs:
            node.destroy_subscription(part.sub)

    mask, confidence, cloud = joined[0]
    assert mask.header == confidence.header == cloud.header
    assert mask.width * mask.height == cloud.width * cloud.height == len(confidence.data)


# --- the YAML to paste ---------------------------------------------------------------------------------


def parameters(file):
    return yaml.safe_load((CONFIGS / file).read_text())["/**"]["ros__parameters"]


@pytest.mark.parametrize("file", ["costmap.yaml", "semantic_costmap.yaml"])
def test_what_the_voxel_layer_would_silently_leave_undone_is_set(file):
    layer = parameters(file)["voxel_layer"]
    sources = {name: layer[name] for name in layer["observation_sources"].split()}

    for source in sources.values():
        assert source["data_type"] == "PointCloud2"
        assert source["max_obstacle_height"] > 0
        assert source["raytrace_max_range"] >= source.get("obstacle_max_range", 0)
    assert any(source["marking"] for source in sources.values())
    assert [s["topic"] for s in sources.values() if s["marking"]] == [f"{NODE}/obstacles"]
    # A ray must end on the floor for the floor to be cleared.
    assert any(s["clearing"] and s["topic"] == f"{NODE}/points" for s in sources.values())
    assert layer["z_voxels"] <= 16  # VOXEL_BITS
    assert layer["z_voxels"] * layer["z_resolution"] >= layer["max_obstacle_height"]


def test_what_the_documentation_has_to_paste_is_the_same():
    page = (CONFIGS.parents[1] / "docs" / "nav2.md").read_text()
    (block,) = re.findall(r"```yaml\n(local_costmap:.*?)```", page, re.DOTALL)
    pasted = yaml.safe_load(block)["local_costmap"]["local_costmap"]["ros__parameters"]["voxel_layer"]

    for file in ("costmap.yaml", "semantic_costmap.yaml"):
        layer = parameters(file)["voxel_layer"]
        for name, value in pasted.items():
            assert (value.items() <= layer[name].items()) if isinstance(value, dict) else value == layer[name], name


def test_every_plugin_has_its_parameters():
    for file in ("costmap.yaml", "semantic_costmap.yaml"):
        for plugin in parameters(file)["plugins"]:
            assert parameters(file)[plugin]["plugin"].split("::")[1]


def test_the_semantic_layer_knows_every_class_and_group_once():
    source = parameters("semantic_costmap.yaml")["semantic_segmentation_layer"]["camera"]
    named = [source[kind]["classes"] for kind in source["class_types"]]
    all_named = list(chain.from_iterable(named))

    assert len(all_named) == len(set(all_named))
    groupings = [yaml.safe_load(file.read_text())["groups"] for file in (CONFIGS.parent / "groupings").glob("*.yaml")]
    published = [domain.class_names for domain in DOMAINS.values()] + groupings
    assert set(all_named) == set(chain.from_iterable(published))
    for kind in source["class_types"]:
        assert 0 <= source[kind]["base_cost"] <= source[kind]["max_cost"] <= 254


def test_the_topics_are_the_nodes(scenes):
    graph = scenes["metres"].station.graph
    source = parameters("semantic_costmap.yaml")["semantic_segmentation_layer"]["camera"]
    there = dict(graph.node.get_topic_names_and_types())
    wanted = {
        source["segmentation_topic"]: "sensor_msgs/msg/Image",
        source["confidence_topic"]: "sensor_msgs/msg/Image",
        source["pointcloud_topic"]: "sensor_msgs/msg/PointCloud2",
        f"{NODE}/obstacles": "sensor_msgs/msg/PointCloud2",
    }
    if find_spec("vision_msgs") is not None:
        wanted[source["labels_topic"]] = "vision_msgs/msg/LabelInfo"

    for topic, kind in wanted.items():
        assert there.get(topic) == [kind]
