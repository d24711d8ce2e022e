# SPDX-License-Identifier: Apache-2.0
"""Other clocks than the wall's, other weights than those it began with, cameras that must fit together."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from camera_rig import LATCHED, CameraRig, level_of, values_of
from joint_perception.msg import ClassMap
from ros_graph import array_of, camera_info, image_message, picture
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from joint_perception.engine import Frame, load_engine

HEIGHT, WIDTH = 64, 96


def frame(seconds, seed=0):
    stamp = Time(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))
    return image_message(picture(HEIGHT, WIDTH, seed), stamp=stamp), camera_info(WIDTH, HEIGHT, stamp)


def test_a_bag_in_a_loop_with_its_own_clock(graph, start_node):
    node = start_node(use_sim_time=True, diagnostics__min_rate=0.0)
    rig = CameraRig(graph, {})
    graph.subscribe("label", "stats")
    # It comes up though no clock runs yet, and says so.
    graph.wait_for_camera_match(node)
    graph.wait(lambda: level_of(rig.status("engine")) == 0, "the engine's diagnostics", node=node)
    clock = graph.node.create_publisher(Clock, "/clock", 1)

    def play(start, frames):
        """One round of a bag; what came of it."""
        graph.received["label"].clear()
        for i in range(frames):
            seconds = start + i * 0.2
            clock.publish(Clock(clock=Time(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))))
            graph.spin(0.05)
            graph.send(*frame(seconds, i))
            graph.spin(0.05)
        return [m.header.stamp.sec for m in graph.received["label"]]

    def round_of(start):
        return lambda: any(start <= sec < start + 10 for sec in play(start, 5))

    graph.wait(round_of(1000), "labels of the first round", node=node)
    graph.wait(round_of(1000), "labels of the second round", node=node)  # stamps and clock went back
    graph.wait(round_of(500), "labels of an earlier time", node=node)
    graph.wait(round_of(90_000), "labels after a jump of a day", node=node)

    stats = graph.received["stats"][-1]
    assert abs(stats.latency_milliseconds) < 60_000, "the latency is not of the bag's clock"

    def jumps():
        status = rig.status("camera")
        return status is not None and int(values_of(status)["times the stamps went back"]) >= 2

    graph.wait(jumps, "the jumps to be told", node=node)
    assert "Traceback" not in node.log


def test_stamps_of_another_clock_are_told(graph, start_node):
    node = start_node(diagnostics__min_rate=0.0)
    rig = CameraRig(graph, {})
    graph.subscribe("label")
    graph.wait_for_camera_match(node)
    seconds = 1000.0

    def told():
        nonlocal seconds
        seconds += 0.1
        graph.send(*frame(seconds))
        graph.spin(0.1)
        status = rig.status("camera")
        return status is not None and "set use_sim_time" in status.message

    graph.wait(told, "a warning of the clock", node=node)


def test_weights_that_changed_are_loaded_anew_and_bad_ones_are_not(graph, start_node, checkpoints, tmp_path):
    file = tmp_path / "weights.ckpt"
    shutil.copy(checkpoints(6), file)
    node = start_node(weights=str(file))
    rig = CameraRig(graph, {})
    classes = []
    graph.node.create_subscription(ClassMap, "/joint_perception/classes", classes.append, LATCHED)
    graph.subscribe("label")
    graph.wait_for_camera_match(node)
    pixels = picture(HEIGHT, WIDTH)

    def labels():
        got = graph.exchange(image_message(pixels), camera_info(WIDTH, HEIGHT), ("label",), node)
        return array_of(got["label"])

    def reload():
        return graph.call(Trigger, "reload", Trigger.Request())

    # What these weights do not have is refused while they run.
    taken, reason = rig.set("domain", "nyud")
    assert (taken, "40 classes" in reason) == (False, True), reason
    taken, reason = rig.set("normals.source", "network")
    assert (taken, "no head for normals" in reason) == (False, True), reason

    before = labels()
    file.write_bytes(b"no checkpoint")
    answer = reload()
    assert not answer.success
    assert "the weights stay as they were" in answer.message
    np.testing.assert_array_equal(labels(), before)

    shutil.copy(checkpoints(40), file)
    answer = reload()
    assert answer.success, answer.message
    expected = load_engine(str(checkpoints(40)), device="cpu").predict([Frame(pixels)])[0].labels
    assert np.mean(labels() != expected) < 1e-3
    graph.wait(lambda: classes and classes[-1].domain == "nyud", "the new classes", node=node)

    def domain():
        status = rig.status("engine")
        return status is not None and values_of(status).get("domain") == "nyud (40 classes)"

    graph.wait(domain, "the new weights in the diagnostics", node=node)


def test_sets_of_cameras_that_are_triggered_together(graph, start_node):
    cameras = {"front": (Image, "image"), "rear": (Image, "image")}
    node = start_node(
        image_topic="image", cameras=[*cameras], sync__mode="approximate", sync__slop=0.05, sync__queue_size=2
    )
    rig = CameraRig(graph, cameras)
    for name in cameras:
        rig.hear(name, "label", "stats")
    rig.matched(node)
    seconds = [1000.0]

    def send(difference):
        """An image of each camera, so many seconds apart."""
        seconds[0] += 1.0
        for name, at in (("front", seconds[0]), ("rear", seconds[0] + difference)):
            image, info = frame(at)
            rig.send({name: (image, info)}, image.header.stamp)
        graph.spin(0.2)

    def stamps(name):
        return [m.header.stamp.sec + m.header.stamp.nanosec * 1e-9 for m in rig.received[name, "label"]]

    def both():
        send(0.02)
        return len(stamps("front")) > 2 and len(stamps("rear")) > 2

    graph.wait(both, "sets of both cameras", node=node)
    pairs = {round(second) for second in stamps("front")} & {round(second) for second in stamps("rear")}
    assert len(pairs) > 1
    assert all(round(rear % 1, 3) == pytest.approx(0.02) for rear in stamps("rear"))

    def alone():
        send(0.4)
        stats = rig.received["front", "stats"]
        return stats and "unsynchronized" in stats[-1].drop_causes

    count = len(stamps("rear"))
    graph.wait(alone, "images without partner to be counted", node=node)
    assert len(stamps("rear")) <= count + 2, "a set of images that do not fit together"
    assert "raise sync.slop" in node.log
