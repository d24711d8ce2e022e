# SPDX-License-Identifier: Apache-2.0
"""A camera, and those who listen, as they really are: each fault is named, counted, and survived."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import bombs
import cv2
import faulty_node
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from fault_bench import HEIGHT, WIDTH
from fault_effort import LONG
from ros_graph import FRAME_ID, IMAGE_TOPIC, NODE, array_of, camera_info, image_message, picture


def test_the_camera_stops_and_returns(bench, diagnostics):
    assert bench.set("diagnostics.max_age", 0.5)[0]
    bench.good()
    bench.graph.wait(
        lambda: any(level == 2 and "no image on" in text for level, text in diagnostics),
        "an error on /diagnostics",
        node=bench.node,
    )
    bench.good()
    assert bench.set("diagnostics.max_age", 2.0)[0]


def test_the_camera_changes_size_encoding_and_frame(bench):
    for height, width, encoding, frame_id in (
        (40, 72, "bgr8", "left"),
        (HEIGHT, WIDTH, "mono8", ""),
        (33, 47, "rgb8", "a/b c"),
        (1, 1, "rgb8", FRAME_ID),
    ):
        pixels = picture(height, width)
        image = image_message(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if encoding == "mono8" else pixels, encoding)
        image.header.frame_id = frame_id
        got = bench.graph.exchange(image, camera_info(width, height), ("label", "points", "depth"), bench.node)
        assert {(m.width, m.height) for m in got.values()} == {(width, height)}
        assert {m.header.frame_id for m in got.values()} == {frame_id}


def test_stamps_go_back_and_come_again(bench):
    bench.good()
    for seconds in (5, 4, 3, 0):
        image, info = bench.frame()
        stamp = Time(sec=seconds, nanosec=7)

        def came(image=image, info=info, stamp=stamp):
            image.header.stamp = info.header.stamp = stamp
            stamp.nanosec += 1
            bench.graph.send(image, info)
            bench.graph.spin(0.1)
            return any(m.header.stamp.sec == stamp.sec for m in bench.graph.received["label"])

        bench.graph.wait(came, f"a frame of second {seconds}", node=bench.node)


def test_a_burst_keeps_the_newest_and_counts_the_rest(bench):
    bench.good()
    seconds = 0.5
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        bench.graph.send(*bench.frame())
        sent += 1
        bench.graph.spin(0.0)

    def settled():
        stats = bench.graph.received["stats"]
        return stats and stats[-1].frames_in == stats[-1].frames_out + stats[-1].frames_dropped

    bench.graph.wait(settled, "all of the burst to be accounted for", node=bench.node)
    assert sent > 30
    stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in bench.graph.received["label"]]
    assert stamps == sorted(stamps), "an old frame came after a newer one"


def cut(image, info):
    image.data = image.data[:-100]


def no_pixels(image, info):
    image.height = image.width = 0


def gigabytes(image, info):
    image.height, image.width, image.step = 2**31, 2**30, 3 * 2**30


def unknown(image, info):
    image.encoding = "\N{SNOWMAN}" * 50


def odd(image, info):
    image.encoding, image.width, image.step, image.data = "yuv422", 3, 6, bytes(6 * HEIGHT)


def uncalibrated(image, info):
    info.k, info.p = [0.0] * 9, [0.0] * 12


def nan_everywhere(image, info):
    info.k, info.p, info.d, info.r = [math.nan] * 9, [math.nan] * 12, [math.nan] * 5, [math.nan] * 9


def infinite(image, info):
    info.p = [math.inf] * 12


def beside_any_view(image, info):
    info.p[2] = 1e300


def another_window(image, info):
    info.roi.width, info.roi.height, info.binning_x = 7, 2**32 - 1, 2**32 - 1


def another_shape(image, info):
    info.width = 2**32 - 1


@pytest.mark.parametrize(
    ("cause", "damage"),
    [
        ("truncated_data", cut),
        ("zero_size", no_pixels),
        ("truncated_data", gigabytes),
        ("unknown_encoding", unknown),
        ("odd_width", odd),
        *[
            ("bad_camera_info", damage)
            for damage in (uncalibrated, nan_everywhere, infinite, beside_any_view, another_window, another_shape)
        ],
    ],
)
def test_malformed_messages(bench, cause, damage):
    def send():
        image, info = bench.frame()
        damage(image, info)
        bench.graph.send(image, info)

    bench.provoke(send, cause)
    assert f"frame skipped, {cause}" in bench.node.log


def test_no_camera_info(bench):
    bench.provoke(lambda: bench.graph.send(bench.frame()[0], None), "no_camera_info")


def encoded(suffix):
    return cv2.imencode(suffix, cv2.cvtColor(picture(HEIGHT, WIDTH), cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.mark.parametrize(
    ("cause", "data"),
    [
        ("too_large", bombs.png(2**31 - 1, 2**31 - 1)),
        ("too_large", bombs.jpeg(65500, 65500)),
        ("truncated_data", bombs.png(8000, 8000)),
        ("truncated_data", bombs.jpeg(8000, 8000)),
        ("undecodable", bombs.png_with_chunk_of(2**32 - 1)),
        ("truncated_data", b""),
        ("undecodable", b"\xff\xd8\xff\xff"),  # four bytes
        ("undecodable", bombs.jpeg_of_scans(5000)),
        ("undecodable", encoded(".bmp")),
    ],
    ids=["PNG 2^62", "JPEG 4 G", "PNG 64 M", "JPEG 64 M", "PNG chunk", "empty", "4 bytes", "scans", "bmp"],
)
def test_decompression_bombs(bench, cause, data):
    before = memory_mb(bench)
    bench.provoke(lambda: bench.send_packed(data), cause, packed=True)
    assert memory_mb(bench) - before < 150, "it was allocated"  # 8000 x 8000 alone would be 192
    bench.packed_labels.clear()
    bench.graph.wait(
        lambda: bench.send_packed(encoded(".jpg")) or bench.graph.spin(0.1) or bench.packed_labels,
        "a good compressed frame",
        node=bench.node,
    )


def memory_mb(bench):
    """The most memory the node ever had."""
    status = Path(f"/proc/{bench.node.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


CAMERA = """
    import os, sys, rclpy
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import Image
    rclpy.init()
    node = rclpy.create_node("doomed_camera")
    publisher = node.create_publisher(Image, sys.argv[1], QoSProfile(depth=5))
    while not publisher.get_subscription_count():
        pass
    image = Image(height=1200, width=1600, step=4800, encoding="rgb8", data=bytes(1600 * 1200 * 3))
    print("ready", flush=True)
    while True:
        publisher.publish(image)  # 5.8 MB, in many fragments
"""

LISTENER = """
    import sys, rclpy
    from rclpy.qos import QoSProfile, HistoryPolicy
    from sensor_msgs.msg import PointCloud2
    rclpy.init()
    node = rclpy.create_node("deaf_listener")
    node.create_subscription(PointCloud2, sys.argv[1], lambda m: None, QoSProfile(history=HistoryPolicy.KEEP_ALL))
    while not node.count_publishers(sys.argv[1]):
        pass
    print("ready", flush=True)
    sys.stdin.read()  # never spins
"""


def child(code, topic):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), topic], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_publisher_is_killed_in_the_midst_of_a_message(bench):
    for i in range(30 if LONG else 1):
        camera = child(CAMERA, IMAGE_TOPIC)
        time.sleep(0.05 + 0.013 * i)
        camera.kill()
        camera.wait()
        bench.good()


def test_a_subscriber_that_never_reads_and_one_that_is_stopped(bench):
    listener = child(LISTENER, f"{NODE}/front/points")
    try:
        for stop in (False, True):
            if stop:
                os.kill(listener.pid, signal.SIGSTOP)  # acknowledges nothing any more
            bench.graph.received["label"].clear()
            for _ in range(20):
                bench.graph.send(*bench.frame())
                bench.graph.spin(0.02)
            bench.good()
    finally:
        listener.kill()
        listener.wait()


def test_nan_and_infinity_from_the_network_are_no_measurement_to_anybody(bench):
    got = bench.graph.exchange(*bench.frame(fault=faulty_node.NOT_A_NUMBER), ("label", "depth", "points"), bench.node)
    depth = array_of(got["depth"])
    assert depth.shape == (HEIGHT, WIDTH)
    points = np.frombuffer(got["points"].data, np.float32).reshape(HEIGHT, WIDTH, -1)
    assert np.isnan(points[..., :3]).any()
    assert not np.isinf(points[..., :3]).any(), "infinite points crash who computes with them"
    assert not np.isinf(depth).any()
