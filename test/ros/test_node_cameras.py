# SPDX-License-Identifier: Apache-2.0
"""One node with four cameras over DDS: one compressed, one unrectified, one of another size, one that tells its
camera_info but once; its parameters, diagnostics and services while it runs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import ros_graph
from camera_rig import CameraRig, compressed_message, distorted_info, level_of, normals_of, values_of
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_graph import array_of, camera_info, image_message, picture, points_of
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import SetBool, Trigger

from joint_perception.domains import KITTI
from joint_perception.engine import Frame, load_engine
from joint_perception.geometry import normals_from_depth
from joint_perception.network.weights import NAMED_WEIGHTS
from joint_perception.pipeline.camera_info import pinhole_from_camera_info
from joint_perception.pipeline.labels import meaning

HEIGHT, WIDTH = 64, 96
CAMERAS = {
    "front": (CompressedImage, "image/compressed"),
    "left": (Image, "image"),
    "rear": (Image, "image"),
    "side": (Image, "image"),
}
SEEN = {
    "front": picture(HEIGHT, WIDTH, 1),
    "left": picture(HEIGHT, WIDTH, 2),
    "rear": picture(50, 130, 3),
    "side": picture(HEIGHT, WIDTH, 4),
}
REAR = pinhole_from_camera_info(camera_info(130, 50), 130, 50)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """The demo weights: three tasks, 46 classes."""
    parameters = {
        "weights": "demo",
        "device": "cpu",
        "runtime": "torch",
        "cameras": list(CAMERAS),
        "depth.focal_correction": "off",
        "domain": "nyud",
        "front.image_transport": "compressed",
        "left.rectify": True,
        "rear.domain": "kitti",
        "side.pairing.mode": "latest",
    }
    process = ros_graph.NodeProcess(parameters, tmp_path_factory.mktemp("rig") / "node.log")
    yield process
    assert process.interrupt() == 0, process.log


@pytest.fixture(scope="module")
def rig(node):
    graph = ros_graph.Graph()
    rig = CameraRig(graph, CAMERAS, latched=("side",))
    for name in CAMERAS:
        rig.hear(name, "label", "depth", "camera_info", "points")
    rig.matched(node)
    yield rig
    graph.close()


@pytest.fixture(scope="module")
def engines():
    """What the engine says in this process, domain by domain."""
    return {domain: load_engine("demo", domain, "cpu") for domain in ("nyud", "kitti", "nyud_kitti")}


@pytest.fixture
def rear(rig, node):
    """Shows the rear camera its picture; what came back, as arrays and messages."""

    def show(*outputs, pixels=SEEN["rear"]):
        rig.hear("rear", *outputs)
        frames = {"rear": (image_message(pixels), camera_info(130, 50))}
        got = rig.exchange(node, frames, [("rear", output) for output in outputs])
        return [got["rear", output] for output in outputs]

    return show


@pytest.fixture
def parameter(rig):
    """Sets a parameter that must be taken; the old values come back when the test ends."""
    undo = []

    def set_to(name, value, back):
        undo.append((name, back))
        assert rig.set(name, value) == (True, "")

    yield set_to
    for name, back in undo:
        assert rig.set(name, back) == (True, "")


def frames():
    """An image and a camera_info of each camera."""
    return {
        "front": (compressed_message(SEEN["front"]), camera_info(WIDTH, HEIGHT)),
        "left": (image_message(SEEN["left"]), distorted_info(WIDTH, HEIGHT)),
        "rear": (image_message(SEEN["rear"]), camera_info(130, 50)),
    }


# --- outputs ---------------------------------------------------------------------------------------


def test_each_camera_has_its_own_outputs(rig, node, engines):
    rig.hear("left", "image_rect")
    outputs = ("label", "depth", "camera_info", "points")
    wanted = [(name, output) for name in ("front", "left", "rear") for output in outputs]
    sent = frames()
    got = rig.exchange(node, sent, [*wanted, ("left", "image_rect")])

    rectified = array_of(got["left", "image_rect"])
    k, d = np.array(sent["left"][1].k).reshape(3, 3), np.array(sent["left"][1].d)
    expected = cv2.undistort(SEEN["left"], k, d, None, k)
    assert np.abs(rectified.astype(int) - expected).mean() < 1.0
    assert np.abs(rectified.astype(int) - SEEN["left"]).mean() > 5.0, "the picture was never undistorted"
    told = got["left", "camera_info"]
    assert not any(told.d)
    np.testing.assert_allclose(told.p, sent["left"][1].p)

    for name, domain, pixels in (
        ("front", "nyud", SEEN["front"]),
        ("left", "nyud", rectified),
        ("rear", "kitti", SEEN["rear"]),
    ):
        height, width = pixels.shape[:2]
        prediction = engines[domain].predict([Frame(np.ascontiguousarray(pixels))])[0]
        assert (got[name, "label"].width, got[name, "label"].height) == (width, height)
        assert np.mean(array_of(got[name, "label"]) != prediction.labels) < 1e-3
        np.testing.assert_allclose(array_of(got[name, "depth"]), prediction.depth, rtol=1e-4)
        info, points = got[name, "camera_info"], points_of(got[name, "points"])
        there = np.isfinite(points["z"])
        assert there.any()
        np.testing.assert_allclose(
            points["x"][there],
            ((np.arange(width) - info.p[2]) / info.p[0] * points["z"])[there],
            rtol=1e-4,
            atol=1e-5,
        )


def test_a_camera_info_that_came_once_holds_for_all_images(rig, node):
    once = distorted_info(WIDTH, HEIGHT)
    rig.publishers["side"][1].publish(once)
    for _ in range(2):
        got = rig.exchange(node, {"side": (image_message(SEEN["side"]), None)}, [("side", "camera_info")])
        assert list(got["side", "camera_info"].k) == list(once.k)
    # And a distortion that nobody takes out is told, once.
    assert node.log.count("set rectify to true") == 1
    assert "/side/image" in node.log.split("set rectify to true")[0].rsplit("the camera of", 1)[1]


def test_normals_come_from_the_head_or_from_the_depth(rear, engines, parameter):
    prediction = engines["kitti"].predict([Frame(SEEN["rear"])])[0]

    (message,) = rear("normals")
    np.testing.assert_allclose(normals_of(message), prediction.normals, atol=1e-3)

    parameter("rear.normals.source", "depth", "auto")
    message, depth = rear("normals", "depth")
    expected = normals_from_depth(array_of(depth), REAR)
    assert np.isfinite(expected).mean() > 0.2
    np.testing.assert_allclose(normals_of(message), expected, atol=1e-5)


def test_obstacles_are_dense_and_have_no_floor(rear, parameter):
    parameter("rear.obstacles.ground", "none", "estimated")
    message, cloud, label = rear("obstacles", "points", "label")
    obstacles = points_of(message)

    assert (message.height, message.is_dense) == (1, True)
    assert [field.name for field in message.fields] == [field.name for field in cloud.fields]
    assert message.width > 20
    assert np.isfinite(obstacles["z"]).all()
    floor = [KITTI.class_names.index(name) for name in ("road", "sidewalk", "sky")]
    assert set(np.unique(array_of(label))) & set(floor), "no floor in the picture: this tests nothing"
    assert not np.isin(obstacles["label"], floor).any()
    cells = np.floor(np.stack([obstacles[axis][0] for axis in "xyz"], axis=1) / np.float32(0.05))
    assert len(np.unique(cells, axis=0)) == len(cells), "two points of one cube"


# --- parameters while it runs ----------------------------------------------------------------------


def test_a_cameras_domain_is_switched_while_it_runs(rig, node, engines, parameter):
    rig.hear("front", "classes")
    heard = rig.received["front", "classes"]
    for domain in ("kitti", "nyud_kitti", "nyud"):
        parameter("front.domain", domain, "nyud")
        got = rig.exchange(node, {"front": frames()["front"]}, [("front", "label")])
        expected = engines[domain].predict([Frame(SEEN["front"])])[0].labels
        assert np.mean(array_of(got["front", "label"]) != expected) < 1e-3
        rig.graph.wait(lambda: heard and heard[-1].domain == domain, f"the classes of {domain}", node=node)  # noqa: B023


def test_uncertain_labels_become_void(rear, engines, parameter):
    prediction = engines["kitti"].predict([Frame(SEEN["rear"])])[0]
    threshold = float(np.median(prediction.confidence))
    parameter("rear.min_confidence", threshold, 0.0)

    label, confidence, points = rear("label", "confidence", "points")

    expected = np.where(prediction.confidence < threshold, 255, prediction.labels)
    assert 0.4 < np.mean(expected == 255) < 0.6
    assert np.mean(array_of(label) != expected) < 2e-3
    assert np.abs(array_of(confidence) - 255 * prediction.confidence).max() < 1.0
    np.testing.assert_array_equal(points_of(points)["label"], array_of(label))


def test_an_integer_is_taken_for_a_double_and_counts_from_the_next_frame(rear, engines, parameter):
    plain = engines["kitti"].predict([Frame(SEEN["rear"])])[0].depth
    parameter("rear.depth.scale", 2, 1.0)
    (depth,) = rear("depth")
    np.testing.assert_allclose(array_of(depth), 2 * plain, rtol=1e-4)

    parameter("rear.depth.max", float(np.nanmedian(plain)) * 2, 0.0)
    (depth,) = rear("depth")
    assert 0.4 < np.mean(np.isnan(array_of(depth))) < 0.6


def test_metres_are_corrected_for_the_lens(rear, engines, parameter):
    plain = engines["kitti"].predict([Frame(SEEN["rear"])])[0].depth
    parameter("rear.depth.focal_correction", "auto", "off")
    (depth,) = rear("depth")
    # The demo weights saw KITTI's camera in images of 320 pixels; this one sees 130 pixels with fx 100.
    factor = 100.0 / (KITTI.focal_length * 320 / KITTI.image_width)
    np.testing.assert_allclose(array_of(depth), factor * plain, rtol=1e-4)

    parameter("rear.depth.focal_correction", 0.5, "off")
    (depth,) = rear("depth")
    np.testing.assert_allclose(array_of(depth), 0.5 * plain, rtol=1e-4)


def test_groups_of_classes(rig, rear, node, engines, parameter):
    rig.hear("rear", "classes")
    parameter("rear.grouping", "traversability", "")
    label, points = rear("label", "points")

    groups = meaning(KITTI, "traversability")
    expected = groups.of(engines["kitti"].predict([Frame(SEEN["rear"])])[0].labels)
    assert np.mean(array_of(label) != expected) < 1e-3
    np.testing.assert_array_equal(points_of(points)["label"], array_of(label))
    heard = rig.received["rear", "classes"]
    rig.graph.wait(lambda: heard and heard[-1].domain == "kitti/traversability", "the groups", node=node)
    assert [c.name for c in heard[-1].classes] == ["ground", "overhead", "obstacle"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("front.domain", "mars", "'front.domain' is 'mars'"),
        ("depth.encoding", "64FC1", "16UC1"),
        ("min_confidence", 1.5, "Max: 1.0"),
        ("rear.depth.scale", -1.0, "0.001 to 1000.0"),
        ("grouping", "navigatoin", "navigation"),
        ("points.excluded_classes", ["skye"], "did you mean 'sky'"),
        ("weights", "kitti", "clean up"),
        ("rear.image_topic", "/elsewhere", "clean up"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(rig, name, value, told):
    taken, reason = rig.set(name, value)

    assert not taken
    assert told in reason


# --- diagnostics and services ----------------------------------------------------------------------


def streaming(rig, condition, names=("front", "left", "rear")):
    """Whether a condition holds; if not, shows the cameras another picture first."""

    def check():
        if condition():
            return True
        rig.send({name: frame for name, frame in frames().items() if name in names})
        rig.graph.spin(0.1)
        return False

    return check


def test_diagnostics_follow_a_camera_that_stops_and_returns(rig, node, parameter):
    parameter("diagnostics.max_latency", 60.0, 1.0)  # of how long frames take on this machine nothing is said here
    parameter("diagnostics.min_rate", 0.0, 1.0)

    def levels():
        return [level_of(rig.status(f"camera {name}")) for name in ("front", "left", "rear")]

    def told():
        return [(s.name, s.message) for array in rig.diagnostics[-1:] for s in array.status]

    rig.graph.wait(streaming(rig, lambda: levels() == [0, 0, 0]), f"three cameras to be fine: {told()}", node=node)
    gone = streaming(rig, lambda: levels() == [0, 0, 2], ("front", "left"))
    rig.graph.wait(gone, "the rear camera to be missed", node=node)
    assert "no image on /rear/image" in rig.status("camera rear").message
    rig.graph.wait(streaming(rig, lambda: levels() == [0, 0, 0]), "the rear camera to be back", node=node)

    rear = rig.status("camera rear")
    assert rear.hardware_id == "/rear/image"
    values = values_of(rear)
    assert values["camera_info topic"] == "/rear/camera_info"
    assert float(values["images in (Hz)"]) > 0
    assert float(values["images out (Hz)"]) > 0
    assert float(values["age of the newest image (s)"]) >= 0
    assert float(values["latency, 50th percentile (ms)"]) <= float(values["latency, 99th percentile (ms)"])

    engine = rig.status("engine")
    assert (level_of(engine), engine.message, engine.hardware_id) == (0, "active", "cpu")
    values = values_of(engine)
    assert (values["weights"], values["weights SHA-256"]) == ("demo", NAMED_WEIGHTS["demo"].sha256)
    assert (values["device"], values["outputs"]) == ("cpu", "segm, depth, normal")


def test_diagnostics_name_what_is_dropped(rig, node, parameter):
    parameter("diagnostics.min_rate", 0.0, 1.0)

    def told():
        status = rig.status("camera rear")
        if level_of(status) and "truncated_data" in status.message:
            return True
        image, info = frames()["rear"]
        image.data = image.data[:-100]
        rig.send({"rear": (image, info)})
        rig.graph.spin(0.1)
        return False

    rig.graph.wait(told, "the broken images to be told of", node=node)
    assert int(values_of(rig.status("camera rear"))["dropped: truncated_data"]) > 0


def test_diagnostics_tell_of_qos_that_does_not_fit_until_it_is_gone(rig, node):
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    topic = "/joint_perception/side/depth"
    subscription = rig.graph.node.create_subscription(Image, topic, lambda _: None, qos)

    def text():
        status = rig.status("camera side")
        return status.message if status else ""

    rig.graph.wait(lambda: f"incompatible QoS on {topic} (DURABILITY)" in text(), "the misfit to be told", node=node)
    assert f"qos_overrides.{topic}.publisher.durability" in node.log
    rig.graph.node.destroy_subscription(subscription)
    rig.graph.wait(lambda: "incompatible QoS" not in text(), "the misfit to be gone", node=node)


def test_disabled_and_enabled_again(rig, rear, node):
    rear("label")
    answer = rig.graph.call(SetBool, "set_enabled", SetBool.Request(data=False))
    assert (answer.success, answer.message) == (True, "disabled")
    rig.hear("rear", "stats")

    def drops():
        stats = rig.received["rear", "stats"]
        return dict(zip(stats[-1].drop_causes, stats[-1].drop_counts, strict=True)) if stats else {}

    rig.graph.wait(streaming(rig, lambda: drops().get("disabled", 0) > 2), "frames to be left alone", node=node)
    rig.received["rear", "label"].clear()
    before = drops()["disabled"]
    rig.graph.wait(streaming(rig, lambda: drops()["disabled"] > before + 2), "more of them", node=node)
    assert not rig.received["rear", "label"]
    rig.graph.wait(lambda: rig.status("engine").message == "disabled by ~/set_enabled", "a status", node=node)

    assert rig.graph.call(SetBool, "set_enabled", SetBool.Request(data=True)).success
    rear("label")


def test_weights_are_loaded_anew(rig, rear):
    before = rear("label")[0]
    answer = rig.graph.call(Trigger, "reload", Trigger.Request())
    assert answer.success, answer.message
    assert "'demo'" in answer.message
    assert rear("label")[0].data == before.data
