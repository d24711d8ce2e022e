# SPDX-License-Identifier: Apache-2.0
"""The launch files that start a consumer, by the real `ros2 launch`, with a stand-in where the consumer would be.

The stand-ins (test/support/consumers) are installed as ROS packages of the consumers' names and subscribe by the
consumers' own rules: topics, QoS, types of parameters, synchronisation. What they write down has come through it.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import ros_graph
from composition_process import FX, HEIGHT, WIDTH, Composition
from sensor_msgs.msg import Image, PointCloud2

pytestmark = pytest.mark.skipif(
    shutil.which("ros2") is None or find_spec("launch_ros") is None,
    reason="ros2 launch is not installed (it is not on PyPI)",
)

CONSUMERS = Path(__file__).parents[1] / "support" / "consumers"
# Package, executable, where it is written down.
STAND_INS = (
    ("rtabmap_odom", "rgbd_odometry", "rgbd"),
    ("rtabmap_slam", "rtabmap", "rgbd"),
    ("rtabmap_viz", "rtabmap_viz", "rgbd"),
    ("octomap_server", "octomap_server_node", "octomap"),
    ("octomap_server", "color_octomap_server_node", "octomap"),
    ("depth_image_proc", "point_cloud_xyzrgb_node", "point_cloud"),
    ("nav2_costmap_2d", "nav2_costmap_2d", "costmap"),
    ("nav2_lifecycle_manager", "lifecycle_manager", "costmap"),
    ("semantic_segmentation_layer", "", ""),
)
KITTI_COLORS = {(128, 128, 128), (128, 0, 0), (128, 64, 128), (0, 0, 192), (128, 128, 0), (64, 0, 128)}


@pytest.fixture(scope="session")
def consumers(tmp_path_factory):
    """A prefix with the stand-ins as installed packages."""
    prefix = tmp_path_factory.mktemp("consumers")
    for package, executable, module in STAND_INS:
        marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
        manifest = prefix / "share" / package / "package.xml"
        for file in (marker, manifest):
            file.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        manifest.write_text(f'<package format="3"><name>{package}</name><version>0.0.0</version></package>\n')
        if executable:
            script = prefix / "lib" / package / executable
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(
                f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(CONSUMERS)!r})\n"
                f"import {module}\n{module}.{executable}()\n"
            )
            script.chmod(0o755)
    return prefix


@pytest.fixture
def compose(consumers, checkpoints, tmp_path):
    """Start a composition, by default of KITTI weights made by a formula; ended when the test is."""
    started = []

    def start(name, *arguments, prefix=consumers, environment=(), **options):
        everything = os.environ | dict(environment) | {"STAND_IN_REPORTS": str(tmp_path), "OMP_NUM_THREADS": "1"}
        everything["AMENT_PREFIX_PATH"] = f"{prefix}{os.pathsep}{os.environ['AMENT_PREFIX_PATH']}"
        common = () if any(a.startswith("config:=") for a in arguments) else ("config:=kitti",)
        weights = f"weights:={checkpoints(6)}"
        composition = Composition(name, [*common, weights, "device:=cpu", *arguments], tmp_path, everything, **options)
        started.append(composition)
        return composition

    yield start
    for composition in started:
        composition.close()


@pytest.fixture
def pixels():
    return ros_graph.picture(HEIGHT, WIDTH, seed=1)


IMAGE = f"image:={ros_graph.IMAGE_TOPIC}"


# --- RTAB-Map ----------------------------------------------------------------------------------------


def test_rtabmap_gets_image_depth_and_camera_info_of_one_stamp(compose, pixels):
    rtabmap = compose("rtabmap", IMAGE, "frame_id:=robot", "rtabmap_viz:=true")
    nodes = ("rgbd_odometry", "rtabmap", "rtabmap_viz")

    rtabmap.show(pixels, lambda: all(rtabmap.reports(node, "stamp") for node in nodes))

    for node in nodes:
        (started,) = rtabmap.reports(node, "started")
        assert started["parameters"]["frame_id"] == "robot"
        assert started["parameters"]["approx_sync"] is False
        (frame, *_) = rtabmap.reports(node, "stamp")
        assert frame["size"] == [WIDTH, HEIGHT]
        assert frame["frame"] == ros_graph.FRAME_ID
        assert frame["camera"] == [WIDTH, HEIGHT, FX, WIDTH / 2 + 1.25]
        assert frame["valid"] > 1000
    (mapping,) = rtabmap.reports("rtabmap", "started")
    wanted = {"subscribe_depth": True, "subscribe_odom_info": True, "odom_frame_id": ""}
    assert mapping["parameters"].items() >= wanted.items()
    assert rtabmap.end() == 0, rtabmap.log
    assert rtabmap.log.count("process has finished cleanly") == 4, rtabmap.log


def test_rtabmap_finds_the_topics_of_a_configuration_in_a_namespace(compose, pixels, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("/**:\n  ros__parameters:\n    domain: kitti\n    image_topic: eye/image_rect\n")

    rtabmap = compose(
        "rtabmap",
        f"config:={config}",
        "namespace:=robot7",
        "odom_frame_id:=odom",
        namespace="/robot7",
        camera="/robot7/eye/image_rect",
    )
    rtabmap.show(pixels, lambda: rtabmap.reports("rtabmap", "stamp"))

    (started,) = rtabmap.reports("rtabmap", "started")
    assert started["started"] == "/robot7/rtabmap"
    assert started["parameters"]["odom_frame_id"] == "odom"
    assert started["parameters"]["subscribe_odom_info"] is False
    assert not rtabmap.reports("rgbd_odometry", "started"), "the robot has an odometry of its own"


# --- octomap -----------------------------------------------------------------------------------------


def test_octomap_gets_points_in_the_colours_of_the_picture(compose, pixels):
    octomap = compose("octomap", IMAGE, "frame_id:=map", "resolution:=0.2", "max_range:=6")
    depths = octomap.subscribe(Image, f"{ros_graph.NODE}/depth")

    octomap.show(pixels, lambda: octomap.reports("octomap_server", "cells") and depths)

    (started,) = octomap.reports("octomap_server", "started")
    assert started["parameters"] == {
        "frame_id": "map",
        "resolution": 0.2,
        "sensor_model.max_range": 6.0,
        "colored_map": True,
    }
    (cloud, *_) = octomap.reports("octomap_server", "cells")
    depth = ros_graph.array_of(depths[0])
    assert cloud["frame"] == ros_graph.FRAME_ID
    assert 0 < cloud["points"] <= np.isfinite(depth).sum()
    assert 0 < cloud["near"] <= cloud["points"]
    assert cloud["cells"] > 10
    assert {tuple(color) for color in cloud["colors"]} <= {tuple(color) for color in pixels.reshape(-1, 3).tolist()}


def test_octomap_can_have_no_colours(compose, pixels):
    octomap = compose("octomap", IMAGE, "colors:=none")

    octomap.show(pixels, lambda: octomap.reports("octomap_server", "cells"))

    (started,) = octomap.reports("octomap_server", "started")
    assert started["parameters"]["colored_map"] is False
    assert "octomap_server_node-" in octomap.log
    assert "color_octomap_server_node-" not in octomap.log


def test_octomap_gets_points_in_the_colours_of_the_classes(compose, pixels):
    octomap = compose("octomap", IMAGE, "colors:=class")

    octomap.show(pixels, lambda: octomap.reports("octomap_server", "cells"))

    (cloud, *_) = octomap.reports("octomap_server", "cells")
    assert cloud["colors"]
    assert {tuple(color) for color in cloud["colors"]} <= KITTI_COLORS


def test_semantic_octomaps_get_a_field_of_their_own(compose, pixels):
    octomap = compose("octomap", IMAGE, "colors:=both", "consumer:=false")
    clouds = octomap.subscribe(PointCloud2, f"{ros_graph.NODE}/points")

    octomap.show(pixels, lambda: clouds)

    assert [field.name for field in clouds[0].fields][-1] == "semantic_color"
    packed = ros_graph.points_of(clouds[0])["semantic_color"].view(np.uint32)
    assert {(c >> 16, c >> 8 & 255, c & 255) for c in map(int, np.unique(packed))} <= KITTI_COLORS


# --- depth_image_proc --------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", ["humble", "jazzy"])
def test_depth_image_proc_makes_our_cloud_of_our_depth(compose, pixels, generation):
    proc = compose("depth_image_proc", IMAGE, environment={"STAND_IN_GENERATION": generation})
    theirs = proc.subscribe(PointCloud2, "/depth_registered/points")
    ours = proc.subscribe(PointCloud2, f"{ros_graph.NODE}/points")

    def both():
        return {m.header.stamp.nanosec for m in theirs} & {m.header.stamp.nanosec for m in ours}

    proc.show(pixels, both)

    node = "PointCloudXyzrgbNode"
    (subscribed,) = (report["subscribed"] for report in proc.reports(node, "subscribed"))
    assert subscribed == [f"{ros_graph.NODE}/depth", ros_graph.IMAGE_TOPIC, f"{ros_graph.NODE}/camera_info"]
    stamp = min(both())
    a, b = (next(m for m in messages if m.header.stamp.nanosec == stamp) for messages in (theirs, ours))
    assert (a.height, a.width) == (b.height, b.width) == (HEIGHT, WIDTH)
    a, b = ros_graph.points_of(a), ros_graph.points_of(b)
    there = np.isfinite(b["z"])  # ours leaves the sky out
    assert there.sum() > 1000
    for axis in "xyz":
        np.testing.assert_allclose(a[axis][there], b[axis][there], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(a["rgb"].view(np.uint32)[there], b["rgb"].view(np.uint32)[there])


# --- Nav2 --------------------------------------------------------------------------------------------


def test_nav2_costmap_marks_by_the_obstacles_and_clears_by_the_points(compose, pixels):
    nav2 = compose("nav2", IMAGE, "consumer:=true", "global_frame:=world")

    nav2.show(
        pixels,
        lambda: {r["source"] for r in nav2.reports("costmap", "source")} == {"obstacles", "free_space"},
    )

    (started,) = nav2.reports("costmap", "started")
    assert started["started"] == "/costmap/costmap"
    assert started["parameters"]["global_frame"] == "world"
    sources = {report["source"]: report for report in nav2.reports("costmap", "source")}
    assert sources["obstacles"]["frame"] == ros_graph.FRAME_ID
    assert sources["free_space"]["organised"]
    assert sources["free_space"]["marking"] == 0
    assert sources["free_space"]["clearing"] > 0
    (manager,) = nav2.reports("lifecycle_manager", "started")
    assert manager["parameters"] == {"autostart": True, "node_names": ["costmap/costmap"], "bond_timeout": 0.0}


@pytest.mark.skipif(find_spec("vision_msgs") is None, reason="vision_msgs is not installed")
def test_nav2_semantic_layer_knows_every_class_of_one_camera_of_a_robot(compose, pixels, tmp_path):
    config = tmp_path / "robot.yaml"
    config.write_text(
        "/**:\n  ros__parameters:\n    domain: kitti\n    cameras: [front]\n"
        "    front.image_topic: /robot7/eye/image_rect\n"
    )
    nav2 = compose(
        "nav2",
        f"config:={config}",
        "camera:=front",
        "namespace:=robot7",
        "consumer:=true",
        "semantic:=true",
        namespace="/robot7",
        camera="/robot7/eye/image_rect",
    )

    nav2.show(pixels, lambda: nav2.reports("costmap", "semantic") and nav2.reports("costmap", "source"))

    (labels,) = nav2.reports("costmap", "labels")
    assert labels["labels"] == 7
    assert labels["unknown"] == ["unlabeled"], "which has no cost, on purpose"
    (seen, *_) = nav2.reports("costmap", "semantic")
    assert seen["confidence"][:2] == ["mono8", HEIGHT * WIDTH]
    assert 0 < seen["confidence"][2] <= 255
    assert seen["max_costs"]
    assert seen["max_costs"].items() <= {"0": 0, "1": 254, "2": 0, "3": 0, "4": 180, "5": 254}.items()


# --- all ---------------------------------------------------------------------------------------------

PACKAGES = {
    "rtabmap": "rtabmap-slam",
    "octomap": "octomap-server",
    "depth_image_proc": "depth-image-proc",
    "nav2": "nav2-costmap-2d",
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_consumer_is_told_in_one_line_with_the_remedy(compose, tmp_path, name):
    if shutil.which("ros2") is not None and PACKAGES[name].replace("-", "_") in installed():
        pytest.skip(f"{PACKAGES[name]} is installed")
    composition = compose(name, "consumer:=true", prefix=tmp_path, environment={"ROS_DISTRO": "jazzy"})

    assert composition.process.wait(timeout=60) != 0
    (line,) = (line for line in composition.log.splitlines() if "not installed" in line)
    assert f"ros-jazzy-{PACKAGES[name]}" in line
    assert "sudo apt install" in line
    assert "consumer:=false" in line
    assert "Traceback" not in composition.log
    assert "perception_node" not in composition.log, "nothing was started"


@pytest.mark.parametrize("name", PACKAGES)
def test_without_the_consumer_only_our_side_starts(compose, pixels, tmp_path, name):
    composition = compose(name, IMAGE, "consumer:=false", prefix=tmp_path)
    labels = composition.subscribe(Image, f"{ros_graph.NODE}/label")

    composition.show(pixels, lambda: labels)

    assert composition.end() == 0, composition.log
    assert composition.log.count("process started") == 1


@pytest.mark.parametrize(
    ("name", "argument", "words"),
    [
        ("rtabmap", "qos:=best", ["'qos'", "'best'", "whole number"]),
        ("octomap", "colors:=rainbow", ["'rainbow'", "image, class, both or none"]),
        ("octomap", "resolution:=fine", ["'resolution'", "number"]),
        ("depth_image_proc", "reliability:=good", ["'good'", "best_effort or reliable"]),
        ("nav2", "consumer:=perhaps", ["'perhaps'", "true or false"]),
        ("rtabmap", "config:=kity", ["'kity'", "kitti"]),
        ("octomap", "camera:=front", ["'camera'", "'front'", "but one camera"]),
        ("nav2", "cameras:=front,left", ["'camera'", "front or left"]),
    ],
)
def test_a_bad_argument_is_named(compose, name, argument, words):
    composition = compose(name, argument)

    assert composition.process.wait(timeout=60) != 0
    for word in words:
        assert word in composition.log


@pytest.mark.parametrize("setting", ["rectify: true", "image_transport: compressed"])
@pytest.mark.parametrize("name", ["rtabmap", "depth_image_proc"])
def test_images_that_the_consumer_could_not_take_are_refused(compose, tmp_path, name, setting):
    config = tmp_path / "mine.yaml"
    config.write_text(f"/**:\n  ros__parameters:\n    domain: kitti\n    {setting}\n")

    composition = compose(name, f"config:={config}")

    assert composition.process.wait(timeout=60) != 0
    assert setting in composition.log


def installed():
    from ament_index_python.packages import get_packages_with_prefixes  # noqa: PLC0415

    return get_packages_with_prefixes()
