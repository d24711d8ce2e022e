# SPDX-License-Identifier: Apache-2.0
"""What a subscriber in another process gets of a frame, output by output."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from ros_graph import FRAME_ID, array_of, camera_info, image_message, now, picture, points_of

from joint_perception.domains import KITTI
from joint_perception.engine import Frame, load_engine
from joint_perception.ros.messages import pinhole_from_camera_info

WIDTH, HEIGHT = 112, 75  # no multiples of 32, and rows that are no multiples of 4 bytes
IMAGES = {"label": "mono8", "label_color": "rgb8", "overlay": "rgb8", "depth": "32FC1"}
ALL = (*IMAGES, "points", "camera_info")


@pytest.fixture
def prediction(checkpoints):
    """What the engine says in this process."""
    engine = load_engine(str(checkpoints(6)), device="cpu")
    return lambda pixels: engine.predict([Frame(pixels)])[0]


def test_every_output_of_a_frame(graph, start_node, prediction):
    node = start_node()
    graph.subscribe(*ALL, "classes", "stats")
    graph.wait_for_camera_match(node)
    pixels, info = picture(HEIGHT, WIDTH), camera_info(WIDTH, HEIGHT)
    got = graph.exchange(image_message(pixels), info, ALL, node)

    for output in ALL:
        assert got[output].header.frame_id == FRAME_ID
        assert (got[output].width, got[output].height) == (WIDTH, HEIGHT)
    for output, encoding in IMAGES.items():
        message = got[output]
        assert message.encoding == encoding
        assert len(message.data) == message.step * HEIGHT
        assert message.step == array_of(message)[0].nbytes

    expected = prediction(pixels)
    labels = array_of(got["label"])
    # Not to the last bit: another number of threads sums in another order.
    assert np.mean(labels != expected.labels) < 1e-3
    assert len(np.unique(labels)) > 2, "a picture with one label would prove nothing"
    metres = array_of(got["depth"])
    np.testing.assert_allclose(metres, expected.depth, rtol=1e-4)
    colors = np.array(KITTI.colors, np.uint8)[labels]
    np.testing.assert_array_equal(array_of(got["label_color"]), colors)
    blend = 0.5 * pixels.astype(float) + 0.5 * colors
    assert np.abs(array_of(got["overlay"]) - blend).max() <= 0.5

    points, camera = points_of(got["points"]), pinhole_from_camera_info(info, WIDTH, HEIGHT)
    depth = np.where(labels == KITTI.class_names.index("sky"), np.nan, metres).astype(np.float64)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    np.testing.assert_allclose(points["x"], (u - camera.cx) / camera.fx * depth, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(points["y"], (v - camera.cy) / camera.fy * depth, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(points["z"], depth)
    np.testing.assert_array_equal(points["label"], labels)
    np.testing.assert_allclose(points["confidence"], expected.confidence, atol=1e-4)
    bits = np.ascontiguousarray(points["rgb"]).view(np.uint32)
    red, green, blue = (pixels[..., i].astype(np.uint32) for i in range(3))
    np.testing.assert_array_equal(bits, red << 16 | green << 8 | blue)

    assert list(got["camera_info"].k) == list(info.k)
    classes = graph.received["classes"][0]
    assert (classes.domain, classes.void_id) == ("kitti", 255)
    assert [(c.id, c.name, (c.r, c.g, c.b)) for c in classes.classes] == [
        (i, name, color) for i, (name, color) in enumerate(zip(KITTI.class_names, KITTI.colors, strict=True))
    ]
    graph.wait(lambda: any(s.frames_out for s in graph.received["stats"]), "statistics of a frame", node=node)
    stats = graph.received["stats"][-1]
    assert list(stats.stages) == ["decode", "preprocess", "network", "postprocess", "cloud", "publish"]
    assert all(ms >= 0 for ms in stats.stage_milliseconds)
    assert stats.latency_milliseconds > 0


def test_depth_in_millimetres_and_live_parameters(graph, start_node, prediction):
    node = start_node(depth__encoding="16UC1", overlay__alpha=1)  # an integer, as YAML may write it
    graph.subscribe("depth", "overlay", "label_color")
    graph.wait_for_camera_match(node)
    pixels = picture(HEIGHT, WIDTH)
    got = graph.exchange(image_message(pixels), camera_info(WIDTH, HEIGHT), ("depth", "overlay", "label_color"), node)
    assert got["depth"].encoding == "16UC1"
    depth = prediction(pixels).depth
    fits = np.nan_to_num(depth, nan=0.0) <= 65.535
    expected = np.where(fits, np.rint(np.nan_to_num(depth, nan=0.0) * 1000), 0)
    assert np.abs(array_of(got["depth"]).astype(int) - expected).max() <= 1  # rounding in float32
    np.testing.assert_array_equal(array_of(got["overlay"]), array_of(got["label_color"]))

    # A smaller cloud, from the next frame on.
    graph.set_parameters({"points.fields": ["label"], "points.crop.top": 0.5, "points.stride": 2})
    graph.subscribe("points")
    cloud = graph.exchange(image_message(pixels), camera_info(WIDTH, HEIGHT), ("points",), node)["points"]
    points, rows = points_of(cloud), slice(round(HEIGHT / 2), None, 2)
    assert points.dtype.names == ("x", "y", "z", "label")
    np.testing.assert_array_equal(points["label"], prediction(pixels).labels[rows, ::2])
    seen = np.isfinite(points["z"])
    assert seen.any()
    np.testing.assert_allclose(points["z"][seen], depth[rows, ::2][seen], rtol=1e-5)


def test_a_best_effort_subscriber_is_served_too(graph, start_node):
    node = start_node()
    graph.subscribe("label", reliability=ReliabilityPolicy.BEST_EFFORT)
    graph.wait_for_camera_match(node)
    graph.exchange(image_message(picture(HEIGHT, WIDTH)), camera_info(WIDTH, HEIGHT), ("label",), node)


def test_only_what_is_subscribed_is_made(graph, start_node):
    node = start_node()
    graph.subscribe("stats")
    graph.wait_for_camera_match(node)
    image, info = image_message(picture(HEIGHT, WIDTH)), camera_info(WIDTH, HEIGHT)

    def send():
        image.header.stamp = info.header.stamp = now()
        graph.send(image, info)
        graph.spin(0.2)

    for _ in range(3):
        send()

    def unwanted(stats):
        return dict(zip(stats.drop_causes, stats.drop_counts, strict=True)).get("no_subscribers", 0)

    graph.wait(lambda: any(unwanted(s) for s in graph.received["stats"]), "frames nobody wants", node=node)
    assert graph.received["stats"][-1].frames_out == 0, "the engine ran for nobody"

    # A subscriber comes, goes, and comes again.
    for _ in range(2):
        graph.subscribe("label")
        graph.exchange(image, info, ("label",), node)
        graph.wait(lambda: any(s.frames_out for s in graph.received["stats"]), "statistics of a frame", node=node)
        assert "cloud" not in graph.received["stats"][-1].stages, "a cloud was made that nobody subscribes to"
        graph.unsubscribe("label")
        graph.received["label"].clear()
        before = unwanted(graph.received["stats"][-1])

        def skipped(before=before):
            send()
            return unwanted(graph.received["stats"][-1]) > before

        graph.wait(skipped, "frames to be skipped again", node=node)


def test_network_size_does_not_change_the_size_of_outputs(graph, start_node):
    node = start_node(network__width=64, network__height=48)
    graph.subscribe("label", "depth", "points")
    graph.wait_for_camera_match(node)
    info = camera_info(WIDTH, HEIGHT)
    got = graph.exchange(image_message(picture(HEIGHT, WIDTH)), info, ("label", "depth", "points"), node)
    assert {(m.width, m.height) for m in got.values()} == {(WIDTH, HEIGHT)}
