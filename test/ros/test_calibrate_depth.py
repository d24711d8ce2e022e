# SPDX-License-Identifier: Apache-2.0
"""`joint_perception calibrate-depth`, on bags that are written here and on live topics."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import yaml
from camera_rig import compressed_message
from rclpy.serialization import serialize_message
from ros_graph import IMAGE_TOPIC, INFO_TOPIC, camera_info, image_message, now, picture
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CameraInfo, Image

from joint_perception.cli import main
from joint_perception.domains import KITTI
from joint_perception.engine import Frame, Prediction, Reading, load_engine
from joint_perception.geometry import Pinhole, ScaleFitError
from joint_perception.pipeline.depth_calibration import DepthCalibration, Known
from joint_perception.pipeline.errors import FrameError

WIDTH, HEIGHT, FX, SCALE = 96, 64, 400.0, 1.7
DEPTH = "/camera/depth"
FOCAL = FX / KITTI.focal_length  # what the network learnt with, and sees these images with


def write_bag(folder, messages):
    """A bag of (topic, nanoseconds, message)."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for topic, time, message in messages:
            kind = type(message)
            if topic not in connections:
                name = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
                connections[topic] = writer.add_connection(topic, name, typestore=store)
            writer.write(connections[topic], time, serialize_message(message))
    return folder


def stamped(message, nanoseconds):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(nanoseconds, 10**9)
    return message


@pytest.fixture(scope="module")
def truths(checkpoints):
    """Pictures, and a true depth that is the network's, corrected for the lens, times SCALE."""
    engine = load_engine(str(checkpoints(6)), device="cpu")
    rng = np.random.default_rng(5)
    made = []
    for seed in range(2):
        pixels = picture(HEIGHT, WIDTH, seed)
        reading = Reading(KITTI, depth_scale=FOCAL, depth_range=(0.0, 1e4))
        depth = engine.predict([Frame(pixels)], readings=[reading])[0].depth * SCALE
        depth *= rng.normal(1.0, 0.03, depth.shape).astype(np.float32)
        depth[rng.random(depth.shape) < 0.3] = np.nan
        made.append((pixels, depth))
    return made


def messages_of(truths, encode=lambda depth: depth, compress=False, late=0):
    for i, (pixels, depth) in enumerate(truths):
        time = 10**12 + i * 10**8
        yield INFO_TOPIC, time, stamped(camera_info(WIDTH, HEIGHT, fx=FX), time)
        if compress:
            yield IMAGE_TOPIC + "/compressed", time, stamped(compressed_message(pixels), time)
        else:
            yield IMAGE_TOPIC, time, stamped(image_message(pixels), time)
        encoded = np.nan_to_num(encode(depth), nan=0) if depth is not encode(depth) else depth
        encoding = {"float32": "32FC1", "uint16": "16UC1"}[encoded.dtype.name]
        yield DEPTH, time + late, stamped(image_message(encoded, encoding), time + late)


@pytest.fixture
def calibrate(checkpoints, capsys):
    """Run the verb; its exit status, the YAML and what was said."""

    def run(*arguments, image=IMAGE_TOPIC):
        status = main(
            ["calibrate-depth", "--weights", str(checkpoints(6)), "--device", "cpu", "--image", image, *arguments]
        )
        said = capsys.readouterr()
        return status, yaml.safe_load(said.out), said.out + said.err

    return run


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("metres", {}),
        ("millimetres", {"encode": lambda depth: np.clip(np.nan_to_num(depth) * 1000, 0, 65535).astype(np.uint16)}),
        ("compressed", {"compress": True}),
        ("half the size", {"encode": lambda depth: depth[1::2, 1::2].copy()}),
    ],
)
def test_the_scale_of_a_bag_with_reference_depth(calibrate, truths, tmp_path, name, options):
    bag = write_bag(tmp_path / "bag", messages_of(truths, **options))
    image = IMAGE_TOPIC + ("/compressed" if options.get("compress") else "")

    status, found, _ = calibrate("--bag", str(bag), "--reference", DEPTH, image=image)

    assert status == 0
    assert found["depth.scale"] == pytest.approx(SCALE, rel=0.03)


def test_what_is_printed_is_what_the_node_takes(calibrate, truths, tmp_path):
    bag = write_bag(tmp_path / "bag", messages_of(truths))

    _, found, said = calibrate("--bag", str(bag), "--reference", DEPTH, "--camera", "front", "--frames", "1")

    assert found == {"front.depth.scale": pytest.approx(SCALE, rel=0.01)}
    assert f"# {IMAGE_TOPIC} against {DEPTH}: 1 images" in said


def test_the_lens_counts_as_it_does_in_the_node(calibrate, truths, tmp_path):
    bag = write_bag(tmp_path / "bag", messages_of(truths))

    _, found, _ = calibrate("--bag", str(bag), "--reference", DEPTH, "--focal-correction", "off")

    assert found["depth.scale"] == pytest.approx(SCALE * FOCAL, rel=0.01)


def test_references_of_other_stamps_are_not_compared(calibrate, truths, tmp_path):
    bag = write_bag(tmp_path / "bag", messages_of(truths, late=30_000_000))

    status, _, said = calibrate("--bag", str(bag), "--reference", DEPTH)
    assert status == 1
    assert "no image gave a scale" in said

    status, found, _ = calibrate("--bag", str(bag), "--reference", DEPTH, "--slop", "0.04")
    assert (status, found["depth.scale"]) == (0, pytest.approx(SCALE, rel=0.01))


def test_a_topic_that_is_not_in_the_bag_is_named_with_those_that_are(calibrate, truths, tmp_path):
    bag = write_bag(tmp_path / "bag", messages_of(truths))

    status, _, said = calibrate("--bag", str(bag), "--reference", "/depth")

    assert status == 1
    assert "no topic /depth; it has /camera/camera_info, /camera/depth, /camera/image_rect_color" in said


def test_a_bag_that_is_none(calibrate, tmp_path):
    status, _, said = calibrate("--bag", str(tmp_path / "nothing"), "--reference", DEPTH)

    assert status == 1
    assert "nothing cannot be read" in said


def test_images_that_cannot_be_used_are_skipped_and_told(calibrate, truths, tmp_path):
    messages = list(messages_of(truths))
    messages[1][2].encoding = "jpeg_in_disguise"
    bag = write_bag(tmp_path / "bag", messages)

    status, found, said = calibrate("--bag", str(bag), "--reference", DEPTH)

    assert (status, found["depth.scale"]) == (0, pytest.approx(SCALE, rel=0.01))
    assert "1 images skipped, the last because: image encoding 'jpeg_in_disguise'" in said
    assert "1 images" in said


def test_a_reference_of_another_shape_is_refused(calibrate, truths, tmp_path):
    bag = write_bag(tmp_path / "bag", messages_of(truths, encode=lambda depth: depth[:, :40].copy()))

    status, _, said = calibrate("--bag", str(bag), "--reference", DEPTH)

    assert status == 1
    assert "the reference is 40x64 but the image 96x64" in said


def test_live_topics(calibrate, truths, graph):
    depths = graph.node.create_publisher(Image, DEPTH, 5)
    done = []

    def command():
        done.append(calibrate("--reference", DEPTH, "--frames", "2", "--timeout", "60"))

    thread = threading.Thread(target=command)
    thread.start()

    def finished():
        stamp = now()
        nanoseconds = stamp.sec * 10**9 + stamp.nanosec
        pixels, depth = truths[0]
        info: CameraInfo = camera_info(WIDTH, HEIGHT, fx=FX)
        depths.publish(stamped(image_message(depth, "32FC1"), nanoseconds))
        graph.send(stamped(image_message(pixels), nanoseconds), stamped(info, nanoseconds))
        graph.spin(0.1)
        return bool(done)

    graph.wait(finished, "the command to end", 120.0)
    thread.join()
    status, found, _ = done[0]
    assert (status, found["depth.scale"]) == (0, pytest.approx(SCALE, rel=0.01))


def test_silent_topics_are_told(calibrate):
    status, _, said = calibrate("--camera-height", "1.2", "--timeout", "0.3", image="/nowhere/image")

    assert status == 1
    assert "0 of /nowhere/image, 0 of /nowhere/camera_info" in said


# --- the ground ------------------------------------------------------------------------------------


class FlatWorld:
    """An engine that sees flat road, its depth off by a factor."""

    network_size = None

    def __init__(self, height, factor, label=2):
        self._height, self._factor, self._label = height, factor, label

    def reading(self, _domain=None):
        return Reading(KITTI)

    def training_focal_length(self, _domain):
        return None

    def predict(self, frames, readings):  # noqa: ARG002
        camera: Pinhole = frames[0].camera
        _, rays_y = camera.rays()
        with np.errstate(divide="ignore"):
            depth = np.where(rays_y > 0, self._height / rays_y, np.nan).astype(np.float32) * np.float32(self._factor)
        depth = np.repeat(depth[:, None], camera.width, axis=1)
        labels = np.full(depth.shape, self._label, np.uint8)
        return [Prediction(labels, depth, np.ones_like(depth))]


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_scale_by_the_ground(factor):
    calibration = DepthCalibration(FlatWorld(1.4, factor), Known(camera_height=1.4, floor_classes=("road",)))

    for _ in range(2):
        calibration.add(image_message(picture(HEIGHT, WIDTH)), camera_info(WIDTH, HEIGHT))

    assert calibration.result().scale == pytest.approx(1 / factor, rel=1e-3)
    assert calibration.result().spread < 1e-3


def test_without_ground_in_view_there_is_no_scale():
    calibration = DepthCalibration(FlatWorld(1.4, 1.0, label=0), Known(camera_height=1.4, floor_classes=("road",)))

    with pytest.raises(ScaleFitError, match="lie on no plane"):
        calibration.add(image_message(picture(HEIGHT, WIDTH)), camera_info(WIDTH, HEIGHT))
    with pytest.raises(ScaleFitError, match="no image gave a scale"):
        calibration.result()


def test_a_camera_without_intrinsics_is_refused():
    calibration = DepthCalibration(FlatWorld(1.4, 1.0), Known(camera_height=1.4, floor_classes=("road",)))
    info = camera_info(WIDTH, HEIGHT)
    info.k, info.p = [0.0] * 9, [0.0] * 12

    with pytest.raises(FrameError, match="calibrate"):
        calibration.add(image_message(picture(HEIGHT, WIDTH)), info)
