# SPDX-License-Identifier: Apache-2.0
"""A stream as cameras really send it: changing, too fast, broken, starting over."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_graph import array_of, camera_info, image_message, now, picture
from sensor_msgs.msg import CameraInfo, Image

from joint_perception.benchmark.end_to_end import waited_for
from joint_perception.ros.optional import nanoseconds

WIDTH, HEIGHT = 96, 64


def drops(graph):
    """The newest count of dropped frames by cause."""
    stats = graph.received["stats"]
    return dict(zip(stats[-1].drop_causes, stats[-1].drop_counts, strict=True)) if stats else {}


def good(seed=0):
    stamp = now()
    return image_message(picture(HEIGHT, WIDTH, seed), stamp=stamp), camera_info(WIDTH, HEIGHT, stamp)


def test_camera_changes_size_and_encoding(graph, start_node):
    node = start_node()
    graph.subscribe("label", "points")
    graph.wait_for_camera_match(node)
    for height, width, encoding in ((64, 96, "rgb8"), (120, 80, "rgb8"), (120, 80, "bgr8"), (40, 200, "mono8")):
        pixels = picture(height, width)
        if encoding == "bgr8":
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        elif encoding == "mono8":
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        image = image_message(pixels, encoding)
        got = graph.exchange(image, camera_info(width, height), ("label", "points"), node)
        assert (got["label"].width, got["label"].height) == (width, height)
        assert (got["points"].width, got["points"].height) == (width, height)
        if (height, width) == (120, 80):
            labels = array_of(got["label"])
            if encoding == "rgb8":
                as_rgb = labels
            else:
                np.testing.assert_array_equal(labels, as_rgb, err_msg="bgr8 is not the picture that rgb8 was")


def test_newest_frame_wins_over_a_slow_engine(graph, start_node):
    """Thirty frames a second, each of which takes the engine far longer."""
    node = start_node()
    graph.subscribe("label", "stats")
    graph.wait_for_camera_match(node)
    image = image_message(picture(480, 640))
    info = camera_info(640, 480)
    sent = []

    def tick(frames: int) -> None:
        start = time.monotonic()
        for i in range(frames):
            image.header.stamp = info.header.stamp = now()
            sent.append(image.header.stamp)
            graph.send(image, info)
            graph.spin(max(0.0, start + (i + 1) / 30 - time.monotonic()))

    tick(150)

    def settled():
        stats = graph.received["stats"]
        return stats and stats[-1].frames_in == stats[-1].frames_out + stats[-1].frames_dropped

    graph.wait(settled, "the last frame to come out", node=node)
    stats = graph.received["stats"][-1]
    assert drops(graph).get("superseded", 0) > 10, "the engine was as fast as the camera; this tests nothing"
    assert stats.frames_in <= len(sent)

    stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in graph.received["label"]]
    assert stamps == sorted(set(stamps)), "an old frame was processed after a newer one"
    # In units of the engine's own pace: a frame waits for at most the one in hand, then takes its own time.
    latency = [
        arrival - (m.header.stamp.sec + m.header.stamp.nanosec * 1e-9)
        for m, arrival in zip(graph.received["label"], graph.arrival["label"], strict=True)
    ]
    periods = np.diff(graph.arrival["label"])
    assert max(latency[1:]) <= 3 * periods.max() + 0.2, "frames queued up"
    # The same in counts, which no clock can blur: between a frame's sending and its results come those of the frame
    # in hand, and at most those that were on their way already. A queue of five would make each wait for five.
    waited = sorted(waited_for([(nanoseconds(stamp), int(at * 1e9)) for stamp, at in zip(
        (m.header.stamp for m in graph.received["label"]), graph.arrival["label"], strict=True)]))  # fmt: skip
    assert waited[len(waited) // 2] <= 1, f"results that frames waited for: {waited}"
    assert waited[len(waited) * 9 // 10] <= 2, f"results that frames waited for: {waited}"
    newest = (sent[-1].sec, sent[-1].nanosec)
    assert stamps[-1] >= (newest[0] - 1, newest[1]), "the newest frames never came out"


def break_data(image, info):
    image.data = image.data[:-100]


def break_size(image, info):
    image.height = image.width = image.step = 0
    image.data = []


def break_step(image, info):
    image.step -= 1


def break_encoding(image, info):
    image.encoding = "jpeg_in_disguise"


def zero_k(image, info):
    info.k, info.p = [0.0] * 9, [0.0] * 12


def nan_k(image, info):
    info.p = [0.0] * 12
    info.k[0] = math.nan


def other_aspect(image, info):
    info.width *= 2


BROKEN = {
    "truncated_data": (break_data, "cut"),
    "zero_size": (break_size, "0x0"),
    "wrong_step": (break_step, "step"),
    "unknown_encoding": (break_encoding, "jpeg_in_disguise"),
}
BAD_INFO = {"all-zero K": (zero_k, "calibrate"), "NaN in K": (nan_k, "not finite"), "aspect": (other_aspect, "aspect")}


def test_bad_frames_are_named_counted_and_skipped(graph, start_node):
    node = start_node()
    graph.subscribe("label", "stats")
    graph.wait_for_camera_match(node)
    graph.exchange(*good(), ("label",), node)
    cases = [(cause, breaker, word) for cause, (breaker, word) in BROKEN.items()]
    cases += [("bad_camera_info", breaker, word) for breaker, word in BAD_INFO.values()]
    for cause, breaker, word in cases:
        before = drops(graph).get(cause, 0)

        def counted(cause=cause, breaker=breaker, before=before):
            image, info = good()
            breaker(image, info)
            graph.send(image, info)
            graph.spin(0.1)
            return drops(graph).get(cause, 0) > before

        graph.wait(counted, f"{cause} to be counted", node=node)
        graph.exchange(*good(), ("label",), node)  # and the next good frame works
        if before == 0:  # later ones of a cause are throttled
            assert f"frame skipped, {cause}" in node.log
            assert word in node.log, f"{word!r} is not in what the node said of {cause}:\n{node.log}"
    accepted = node.log.split("jpeg_in_disguise")[1]
    assert all(encoding in accepted for encoding in ("rgb8", "bayer_rggb8", "yuv422_yuy2")), "the remedy is missing"


def test_no_camera_info(graph, start_node):
    node = start_node(pairing__queue_size=3)
    graph.subscribe("label", "stats")
    graph.wait_for_camera_match(node)

    def counted():
        graph.send(image_message(picture(HEIGHT, WIDTH)), None)
        graph.spin(0.1)
        return drops(graph).get("no_camera_info", 0) > 2

    graph.wait(counted, "images without camera_info to be counted", node=node)
    assert "/camera/camera_info" in node.log
    assert not graph.received["label"]
    graph.exchange(*good(), ("label",), node)


def test_stamps_that_start_over(graph, start_node):
    """A bag in a loop: what waited from its end must not block its beginning."""
    node = start_node(pairing__queue_size=2)
    graph.subscribe("label", "stats")
    graph.wait_for_camera_match(node)
    graph.exchange(*good(), ("label",), node)
    for _ in range(4):  # the queue fills with images of the end, whose camera_info was lost
        graph.send(image_message(picture(HEIGHT, WIDTH)), None)
        graph.spin(0.05)
    seconds = 1000

    def came():
        nonlocal seconds
        seconds += 1
        image, info = good()
        image.header.stamp = info.header.stamp = Time(sec=seconds)
        graph.send(image, info)
        graph.spin(0.2)
        return any(m.header.stamp.sec < 10_000 for m in graph.received["label"])

    graph.wait(came, "a frame with an earlier stamp", node=node)


@pytest.mark.parametrize("silent", ["/nowhere/image", None])
def test_a_topic_without_publisher_is_reported(graph, start_node, silent):
    node = start_node(image_topic=silent) if silent else start_node(camera_info_topic="/nowhere/info")
    topic = silent or "/nowhere/info"
    graph.wait(lambda: f"nobody publishes {topic}" in node.log, "a warning", 60.0, node)


def test_incompatible_qos_is_reported(graph, start_node):
    topic = "/best_effort/image"
    node = start_node(
        image_topic=topic,
        camera_info_topic="/camera/camera_info",
        **{f"qos_overrides.{topic}.subscription.reliability": "reliable"},
    )
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    graph.node.create_publisher(Image, topic, qos)
    graph.wait(lambda: f"a publisher on {topic} offers a QoS" in node.log, "a warning", 60.0, node)
    assert f"qos_overrides.{topic}.subscription.reliability" in node.log


def test_camera_info_of_another_size_is_scaled(graph, start_node):
    node = start_node()
    graph.subscribe("camera_info", "points")
    graph.wait_for_camera_match(node)
    image, _ = good()
    double: CameraInfo = camera_info(2 * WIDTH, 2 * HEIGHT, fx=200.0)
    got = graph.exchange(image, double, ("camera_info", "points"), node)["camera_info"]
    assert (got.width, got.height) == (WIDTH, HEIGHT)
    assert got.k[0] == pytest.approx(100.0)
    assert got.k[2] == pytest.approx((double.k[2] + 0.5) / 2 - 0.5)
