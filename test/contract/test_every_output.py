# SPDX-License-Identifier: Apache-2.0
"""The rules that satisfy all consumers at once."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from ros_graph import IMAGE_TOPIC, INFO_TOPIC, OUTPUTS, camera_info, image_message
from sensor_msgs.msg import Image

IMAGES = ("label", "label_color", "overlay", "depth")
PER_FRAME = (*IMAGES, "points", "camera_info", "stats")
SKY, ROAD = 0, 2
FRAME_ID = "robot1/left camera_optical-frame"


def test_the_scene_holds_what_the_contracts_speak_of(scene):
    labels, z = scene.array("label"), scene.points["z"]

    assert set(np.unique(labels)) == set(range(6))
    assert np.isnan(z[(labels != SKY) & (labels != ROAD)]).any()  # beyond the domain's range
    assert (z > 65.535).any()
    assert (z < 60).any()


@pytest.mark.parametrize("output", PER_FRAME)
def test_the_header_is_the_images_own(scene, output):
    header = scene.outputs[output].header

    assert header == scene.image.header
    assert header.frame_id == FRAME_ID


@pytest.mark.parametrize("output", [*IMAGES, "points", "camera_info"])
def test_the_size_is_the_images_own_whatever_the_network_ran_at(scene, output):
    message = scene.outputs[output]

    assert (message.height, message.width) == (scene.image.height, scene.image.width) == (120, 168)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_qos_offered_matches_every_subscriber(scene, output):
    graph = scene.station.graph

    (offered,) = graph.node.get_publishers_info_by_topic(f"{graph.node_name}/{output}")

    latched = output == "classes"
    assert offered.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert offered.qos_profile.durability == (
        DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    )


def test_a_best_effort_subscriber_is_served_too(scene, visitor):
    visitor.subscribe(*PER_FRAME, reliability=ReliabilityPolicy.BEST_EFFORT)
    visitor.wait_for_camera_match(scene.station.process)

    received = visitor.exchange(image_message(scene.pixels), camera_info(168, 120), PER_FRAME, scene.station.process)

    for output in (*IMAGES, "points"):
        assert received[output].data.tobytes() == scene.outputs[output].data.tobytes(), output


@pytest.fixture(scope="module")
def normals(stations, scenes):
    """The scene of each node with its normals, which nobody else here subscribes to."""
    return {
        name: station.overhear(scenes[name].pixels, camera_info(168, 120), {"normals": Image})
        for name, station in stations.items()
    }


def test_normals_are_unit_vectors_of_the_images_size_towards_the_camera(scene, normals):
    message = normals[scene.station.name].outputs["normals"]
    vectors = np.frombuffer(message.data, "<f4").reshape(message.height, message.width, 3)
    there = np.isfinite(vectors).all(axis=2)

    assert message.encoding == "32FC3"
    assert (message.height, message.width, message.step) == (120, 168, 168 * 12)
    assert message.header.frame_id == FRAME_ID
    assert there.sum() > 1000
    np.testing.assert_array_equal(np.isnan(vectors).any(axis=2), ~there)
    np.testing.assert_allclose(np.linalg.norm(vectors[there], axis=1), 1, atol=1e-5)
    fx, _, cx, _, _, fy, cy = scene.info.p[:7]
    v, u = np.mgrid[:120, :168]
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], axis=2)
    assert ((vectors * rays).sum(axis=2)[there] < 1e-3).all()


def test_the_qos_of_an_output_can_be_overridden_and_who_asks_for_more_is_told(stations):
    station = stations["millimetres"]  # whose parameters make normals best effort
    graph, topic = station.graph, f"{station.graph.node_name}/normals"
    (offered,) = graph.node.get_publishers_info_by_topic(topic)
    assert offered.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT

    reliable = graph.node.create_subscription(Image, topic, lambda _: None, 5)
    complaint = f"a subscriber of {topic} asks for a QoS we do not offer (RELIABILITY)"
    try:
        graph.wait(lambda: complaint in station.process.log, "the complaint", node=station.process)
    finally:
        graph.node.destroy_subscription(reliable)


def test_nothing_is_computed_for_a_topic_without_subscribers(metres):
    station = metres.station
    assert "cloud" in metres.outputs["stats"].stages

    station.graph.unsubscribe("points")
    try:
        for _ in range(20):  # until the node has heard of it
            stats = station.show(metres.pixels, camera_info(168, 120), ("label", "stats")).outputs["stats"]
            if "cloud" not in stats.stages:
                break
        assert set(stats.stages) == {"decode", "preprocess", "network", "postprocess", "publish"}
    finally:
        station.graph.subscribe("points")

    again = station.show(metres.pixels, camera_info(168, 120), ("points", "stats"))
    assert "cloud" in again.outputs["stats"].stages


def test_cameras_of_either_reliability_are_heard(scene):
    node = scene.station.graph.node

    for topic in (IMAGE_TOPIC, INFO_TOPIC):
        endpoints = node.get_subscriptions_info_by_topic(topic)
        assert len(endpoints) == 2  # one of each node
        assert {e.qos_profile.reliability for e in endpoints} == {ReliabilityPolicy.BEST_EFFORT}
        assert {e.qos_profile.durability for e in endpoints} == {DurabilityPolicy.VOLATILE}


def test_confidence_is_a_probability_and_that_of_the_winner(scene):
    confidence = scene.points["confidence"]

    assert np.isfinite(confidence).all()  # also where there is no point
    assert confidence.max() <= 1.0
    assert confidence.min() >= 1 / 6 - 1e-6  # the greatest of six
    assert confidence.max() > 0.9
    assert np.ptp(confidence) > 0.5
