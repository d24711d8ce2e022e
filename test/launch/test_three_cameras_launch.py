# SPDX-License-Identifier: Apache-2.0
"""config/three_cameras.yaml, which users copy, by the real `ros2 launch` with three cameras of three kinds."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import ros_graph
from composition_process import Launch
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

pytestmark = pytest.mark.skipif(
    shutil.which("ros2") is None or find_spec("launch_ros") is None,
    reason="ros2 launch is not installed (it is not on PyPI)",
)

SIZES = {"front": (64, 96), "left": (64, 96), "rear": (50, 130)}  # height, width
IMAGES = {
    "front": (CompressedImage, "front/image_rect_color/compressed"),
    "left": (Image, "left/image_raw"),
    "rear": (Image, "rear/image_rect_color"),
}


@pytest.fixture
def launched(checkpoints, tmp_path):
    arguments = ["config:=three_cameras", f"weights:={checkpoints(46)}", "device:=cpu"]
    launch = Launch("perception", arguments, tmp_path, os.environ)
    yield launch
    launch.close()


def frames():
    """Of each camera its image and camera_info, and the picture itself."""
    made = {}
    for seed, (name, (height, width)) in enumerate(SIZES.items()):
        pixels, info = ros_graph.picture(height, width, seed), ros_graph.camera_info(width, height, fx=80.0)
        image = ros_graph.image_message(pixels)
        if name == "front":
            data = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
            image = CompressedImage(format="rgb8; png compressed bgr8", data=data)
        if name == "left":
            info.d = [-0.3, 0.1, 0.001, -0.002, 0.0]
        image.header.frame_id = info.header.frame_id = f"{name}_optical_frame"
        made[name] = image, info, pixels
    return made


def test_each_camera_has_its_outputs(launched):
    advertise = launched.graph.node.create_publisher
    images = {name: advertise(kind, f"/{topic}", 5) for name, (kind, topic) in IMAGES.items()}
    infos = {name: advertise(CameraInfo, f"/{name}/camera_info", 5) for name in IMAGES}
    received = {
        (name, output): launched.subscribe(kind, f"{ros_graph.NODE}/{name}/{output}")
        for name in IMAGES
        for output, kind in (("label", Image), ("points", PointCloud2), ("camera_info", CameraInfo))
    }
    received["left", "image_rect"] = launched.subscribe(Image, f"{ros_graph.NODE}/left/image_rect")
    shown, said = frames(), []

    def send():
        for name, (image, info, _) in shown.items():
            image.header.stamp = info.header.stamp = ros_graph.now()
            images[name].publish(image)
            if name != "rear" or len(said) < 5:  # the rear one says it a few times, once somebody listens
                infos[name].publish(info)
        if infos["rear"].get_subscription_count():
            said.append(shown["rear"][1].header.stamp)

    launched.until(lambda: all(received.values()), send)

    for name, (height, width) in SIZES.items():
        for output in ("label", "points", "camera_info"):
            message = received[name, output][0]
            assert (message.height, message.width) == (height, width)
            assert message.header.frame_id == f"{name}_optical_frame"
    rectified = ros_graph.array_of(received["left", "image_rect"][0]).astype(int)
    assert np.abs(rectified - shown["left"][2]).mean() > 5, "it was never undistorted"
    assert not any(received["left", "camera_info"][0].d)
    assert launched.end() == 0, launched.log
    assert launched.log.count("process has finished cleanly") == 1, launched.log
