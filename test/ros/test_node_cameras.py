# SPDX-License-Identifier: Apache-2.0
"""Several cameras of one node: one compressed, one unrectified, one of another size, all over DDS."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from joint_perception.msg import ClassMap, PerceptionStats
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_graph import array_of, camera_info, image_message, now, picture, points_of
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from joint_perception.engine import Frame, load_engine

HEIGHT, WIDTH = 64, 96
KINDS = {
    "points": PointCloud2,
    "label": Image,
    "depth": Image,
    "image_rect": Image,
    "camera_info": CameraInfo,
    "stats": PerceptionStats,
}


class Cameras:
    """Publishes as several cameras do, and hears each one's outputs."""

    def __init__(self, graph, kinds):
        self.graph = graph
        self.publishers = {
            name: (
                graph.node.create_publisher(kind, f"/{name}/{topic}", 5),
                graph.node.create_publisher(CameraInfo, f"/{name}/camera_info", 5),
            )
            for name, (kind, topic) in kinds.items()
        }
        self.received = {}

    def hear(self, name, *outputs):
        for output in outputs:
            kind = KINDS[output]
            kept = self.received.setdefault((name, output), [])
            topic = f"/joint_perception/{name}/{output}"
            self.graph.node.create_subscription(kind, topic, kept.append, 10)

    def matched(self, node):
        def everybody():
            return all(p.get_subscription_count() for pair in self.publishers.values() for p in pair)

        self.graph.wait(everybody, "the node to hear every camera", 60.0, node)
        self.graph.spin(0.3)

    def exchange(self, node, frames, wanted):
        """Send {camera: (image, info)} until each wanted (camera, output) came with the stamp it was sent with."""
        for _ in range(20):
            stamp = now()
            for name, (image, info) in frames.items():
                image.header.stamp = info.header.stamp = stamp
                self.publishers[name][0].publish(image)
                self.publishers[name][1].publish(info)

            def find(key, stamp=stamp):
                return next((m for m in self.received[key] if m.header.stamp == stamp), None)

            try:
                self.graph.wait(lambda: all(find(key) for key in wanted), f"{wanted}", 3.0, node)
            except AssertionError:
                continue
            return {key: find(key) for key in wanted}
        raise AssertionError(f"{wanted} never came of one stamp\n{node.log}")


def compressed(pixels):
    data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    message = CompressedImage(format="rgb8; png compressed bgr8", data=data)
    message.header.frame_id = "front"
    return message


def distorted_info(width, height):
    info = camera_info(width, height, fx=80.0)
    info.d = [-0.3, 0.1, 0.001, -0.002, 0.0]
    return info


@pytest.mark.parametrize("sync", ["free", "approximate"])
def test_three_cameras_of_different_kinds(graph, start_node, checkpoints, sync):
    cameras = Cameras(
        graph,
        {"front": (CompressedImage, "image/compressed"), "left": (Image, "image"), "rear": (Image, "image")},
    )
    node = start_node(
        weights=str(checkpoints(46)),
        image_topic="image",
        cameras=["front", "left", "rear"],
        sync__mode=sync,
        front__image_transport="compressed",
        left__rectify=True,
        rear__domain="kitti",
        domain="nyud",
    )
    outputs = ("label", "depth", "camera_info", "points")
    wanted = [(name, output) for name in ("front", "left", "rear") for output in outputs]
    for name in ("front", "left", "rear"):
        cameras.hear(name, *outputs)
    cameras.hear("left", "image_rect")
    cameras.matched(node)
    seen = {"front": picture(HEIGHT, WIDTH, 1), "left": picture(HEIGHT, WIDTH, 2), "rear": picture(50, 130, 3)}
    infos = {"front": camera_info(WIDTH, HEIGHT), "left": distorted_info(WIDTH, HEIGHT), "rear": camera_info(130, 50)}
    frames = {
        "front": (compressed(seen["front"]), infos["front"]),
        "left": (image_message(seen["left"]), infos["left"]),
        "rear": (image_message(seen["rear"]), infos["rear"]),
    }
    got = cameras.exchange(node, frames, [*wanted, ("left", "image_rect")])

    rectified = array_of(got["left", "image_rect"])
    k, d = np.array(infos["left"].k).reshape(3, 3), np.array(infos["left"].d)
    expected = cv2.undistort(seen["left"], k, d, None, k)
    assert np.abs(rectified.astype(int) - expected).mean() < 1.0
    assert np.abs(rectified.astype(int) - seen["left"]).mean() > 5.0, "the picture was never undistorted"
    told = got["left", "camera_info"]
    assert not any(told.d)
    np.testing.assert_allclose(told.p, infos["left"].p)

    for name, domain, pixels in (
        ("front", "nyud", seen["front"]),
        ("left", "nyud", rectified),
        ("rear", "kitti", seen["rear"]),
    ):
        height, width = pixels.shape[:2]
        prediction = load_engine(str(checkpoints(46)), domain, "cpu").predict([Frame(np.ascontiguousarray(pixels))])[0]
        assert (got[name, "label"].width, got[name, "label"].height) == (width, height)
        assert np.mean(array_of(got[name, "label"]) != prediction.labels) < 1e-3
        np.testing.assert_allclose(array_of(got[name, "depth"]), prediction.depth, rtol=1e-4)
        info, points = got[name, "camera_info"], points_of(got[name, "points"])
        u = np.arange(width)
        there = np.isfinite(points["z"])
        assert there.any()
        np.testing.assert_allclose(
            points["x"][there], ((u - info.p[2]) / info.p[0] * points["z"])[there], rtol=1e-4, atol=1e-5
        )
    assert "distortion" not in node.log
    cameras.hear("rear", "stats")
    graph.wait(lambda: cameras.received["rear", "stats"], "statistics of a camera", node=node)


def test_a_cameras_domain_is_switched_while_it_runs(graph, start_node, checkpoints):
    cameras = Cameras(graph, {"front": (Image, "image")})
    node = start_node(weights=str(checkpoints(46)), image_topic="image", cameras=["front"], domain="nyud")
    cameras.hear("front", "label")
    classes = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    graph.node.create_subscription(ClassMap, "/joint_perception/front/classes", classes.append, latched)
    cameras.matched(node)
    pixels = picture(HEIGHT, WIDTH)
    frames = {"front": (image_message(pixels), camera_info(WIDTH, HEIGHT))}

    def switch(domain):
        value = ParameterValue(type=4, string_value=domain)
        request = SetParameters.Request(parameters=[Parameter(name="front.domain", value=value)])
        return graph.call(SetParameters, "set_parameters", request).results[0]

    for domain in ("nyud", "kitti", "nyud"):
        assert switch(domain).successful
        got = cameras.exchange(node, frames, [("front", "label")])
        expected = load_engine(str(checkpoints(46)), domain, "cpu").predict([Frame(pixels)])[0].labels
        assert np.mean(array_of(got["front", "label"]) != expected) < 1e-3
        graph.wait(lambda: classes and classes[-1].domain == domain, f"the classes of {domain}", node=node)  # noqa: B023
    refused = switch("mars")
    assert not refused.successful
    assert "'front.domain' is 'mars'" in refused.reason


def test_a_distortion_nobody_takes_out_is_told_once(graph, start_node):
    cameras = Cameras(graph, {"front": (Image, "image")})
    node = start_node(image_topic="image", cameras=["front"])
    cameras.hear("front", "label")
    cameras.matched(node)
    frames = {"front": (image_message(picture(HEIGHT, WIDTH)), distorted_info(WIDTH, HEIGHT))}
    for _ in range(3):
        cameras.exchange(node, frames, [("front", "label")])
    assert node.log.count("set rectify to true") == 1
