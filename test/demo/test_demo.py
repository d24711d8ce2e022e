# SPDX-License-Identifier: Apache-2.0
"""`joint_perception demo` as a newcomer runs it, shorter, and with weights made by a formula."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import ros_graph

from joint_perception.cli import main
from joint_perception.demo import names, scenery
from joint_perception.offline.files import write_image

highlevel = pytest.importorskip("rosbags.highlevel")
pillow = pytest.importorskip("PIL.Image")
needs_renderer = pytest.mark.skipif(find_spec("embreex") is None, reason="embreex is not installed")

IMAGE, CLASSES = "sensor_msgs/msg/Image", "joint_perception/msg/ClassMap"
TOPICS = {
    "/camera/image_rect_color": IMAGE,
    "/camera/camera_info": "sensor_msgs/msg/CameraInfo",
    "/joint_perception/label": IMAGE,
    "/joint_perception/label_color": IMAGE,
    "/joint_perception/overlay": IMAGE,
    "/joint_perception/depth": IMAGE,
    "/joint_perception/points": "sensor_msgs/msg/PointCloud2",
    "/joint_perception/camera_info": "sensor_msgs/msg/CameraInfo",
    "/joint_perception/classes": CLASSES,
    "/joint_perception/stats": "joint_perception/msg/PerceptionStats",
}
TRUE_TOPICS = {
    "/camera/ground_truth/label": IMAGE,
    "/camera/ground_truth/depth": IMAGE,
    "/camera/ground_truth/classes": CLASSES,
} | ({"/tf": "tf2_msgs/msg/TFMessage"} if names.tf_type() else {})


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "joint_perception.cli", "demo", *map(str, arguments)]


def demo(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments), cwd=folder, env=os.environ, capture_output=True, text=True, timeout=110, check=False
    )


def stamped(bag, topic):
    """Messages of a topic by their stamp."""
    connections = [c for c in bag.connections if c.topic == topic]
    messages = (bag.deserialize(data, c.msgtype) for c, _, data in bag.messages(connections))
    return {(m.header.stamp.sec, m.header.stamp.nanosec): m for m in messages}


def arrays(bag, topic):
    """Pixels of an image topic by stamp."""
    return {stamp: ros_graph.array_of(message) for stamp, message in stamped(bag, topic).items()}


@needs_renderer
def test_a_world_is_played_scored_and_left_behind(tmp_path, checkpoints):
    done = demo(tmp_path, "--seconds", 2, "--rate", 4, "--seed", 2, "--out", "out", "--weights", checkpoints(46, 3))
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out"
    with highlevel.AnyReader([out / "bag"]) as bag:
        found = {c.topic: (c.msgtype, c.msgcount) for c in bag.connections}
        assert {topic: kind for topic, (kind, _) in found.items()} == TOPICS | TRUE_TOPICS
        assert all(count > 0 for _, count in found.values()), found
        latched = {c.topic for c in bag.connections if c.ext.offered_qos_profiles[0].durability.name != "VOLATILE"}
        assert latched == {topic for topic, (kind, _) in found.items() if kind == CLASSES}, "as they were offered"
        images, infos = arrays(bag, "/camera/image_rect_color"), stamped(bag, "/camera/camera_info")
        labels, depth = arrays(bag, "/joint_perception/label"), arrays(bag, "/joint_perception/depth")
        true_labels = arrays(bag, "/camera/ground_truth/label")
        true_depth = arrays(bag, "/camera/ground_truth/depth")

    truth_is_the_renderers(images, infos, true_labels, true_depth)
    scores_are_those_of_the_bag(json.loads((out / "scores.json").read_text()), labels, depth, true_labels, true_depth)
    pictures_are_of_it(out)
    for words in ("seed 250002", "scorer: ", "mIoU", "panel_1.png", "animation.gif", "scores.json", "bag.mcap"):
        assert words in done.stdout, words
    assert "RANDOM" not in done.stdout


def truth_is_the_renderers(images, infos, true_labels, true_depth):
    from joint_perception.learning.worlds import make_world  # noqa: PLC0415 (needs embreex)

    assert len(images) == 8
    assert images.keys() == infos.keys() == true_labels.keys() == true_depth.keys()
    world = make_world("streets", scenery.FIRST_SEED["streets"] + 2)
    last = max(images)
    expected = world.render(scenery.path_camera("streets"), world.path(8, 4.0)[-1])
    np.testing.assert_array_equal(images[last], expected.image)
    np.testing.assert_array_equal(true_labels[last], expected.labels)
    np.testing.assert_array_equal(true_depth[last], expected.depth)
    assert infos[last].p[0] == pytest.approx(721.5 * 320 / 1242)


def scores_are_those_of_the_bag(scores, labels, depth, true_labels, true_depth):
    """With NumPy alone, from the messages: KITTI's six classes, depths up to 80 m."""
    both = sorted(labels.keys() & depth.keys() & true_labels.keys())
    assert scores["frames"] == len(both) > 0
    assert scores["frames_unpaired"] == len(true_labels) - len(both)
    p, t = (np.stack([source[stamp] for stamp in both]) for source in (labels, true_labels))
    p, t = p[t != 255], t[t != 255]
    iou = [((p == i) & (t == i)).sum() / ((p == i) | (t == i)).sum() for i in range(6) if (t == i).any()]
    assert scores["miou"] == pytest.approx(np.mean(iou), abs=1e-9)
    assert list(scores["iou"].values()) == pytest.approx(iou, abs=1e-9)
    p, t = (np.stack([source[stamp] for stamp in both]).astype(np.float64) for source in (depth, true_depth))
    counted = (t > 0) & (t <= 80) & np.isfinite(p)
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((p - t)[counted] ** 2)), rel=1e-9)
    assert scores["abs_rel"] == pytest.approx(np.mean((np.abs(p - t) / t)[counted]), rel=1e-9)
    assert 0 < scores["latency_ms"]["median"] <= scores["latency_ms"]["p95"]


def pictures_are_of_it(out):
    panels = sorted(out.glob("panel_*.png"))
    assert 1 <= len(panels) <= 4
    panel = cv2.imread(str(panels[0]))
    assert panel.shape[1] >= 4 * 320, "image, labels, depth and points, and the truth below"
    assert panel.std() > 20
    header = (out / "points_1.ply").read_bytes().split(b"end_header\n")[0].decode()
    assert int(header.split("element vertex ")[1].split()[0]) > 1000
    gif = pillow.open(out / "animation.gif")
    assert 2 <= gif.n_frames <= 60
    first, last = (np.asarray((gif.seek(i), gif.convert("RGB"))[1], np.float64) for i in (0, gif.n_frames - 1))
    assert np.abs(first - last).mean() > 1, "it moves"
    assert (out / "animation.gif").stat().st_size < 7e6
    video = cv2.VideoCapture(str(out / "video.mp4"))
    if (out / "video.mp4").exists():
        assert video.read()[0]


def test_a_folder_of_ones_own_is_played_without_scores(tmp_path, checkpoints):
    folder = tmp_path / "drive"
    folder.mkdir()
    pictures = {
        name: ros_graph.picture(96, 128, seed) for seed, name in enumerate(("a.png", "b.png", "c.png", "d.png"))
    }
    for name, picture in pictures.items():
        write_image(folder / name, picture)

    done = demo(tmp_path, folder, "--rate", 2, "--out", "out", "--weights", checkpoints(46), "--domain", "nyud")

    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out"
    assert not (out / "scores.json").exists()
    assert (out / "panel_1.png").exists()
    assert (out / "animation.gif").exists()
    with highlevel.AnyReader([out / "bag"]) as bag:
        assert {c.topic: c.msgtype for c in bag.connections} == TOPICS
        images = arrays(bag, "/camera/image_rect_color")
        np.testing.assert_array_equal([images[stamp] for stamp in sorted(images)], list(pictures.values()))
        connection = next(c for c in bag.connections if c.topic == "/joint_perception/classes")
        _, _, data = next(bag.messages([connection]))
        assert bag.deserialize(data, CLASSES).domain == "nyud"


@needs_renderer
def test_an_interrupt_ends_every_process_and_leaves_what_there_is(tmp_path, checkpoints):
    log = tmp_path / "log"
    arguments = ("--seconds", 20, "--rate", 1, "--world", "rooms", "--out", "out", "--weights", checkpoints(46))
    with log.open("wb") as file:
        process = subprocess.Popen(
            command(*arguments), cwd=tmp_path, env=os.environ, stdout=file, stderr=file, start_new_session=True
        )
    end = time.monotonic() + 100
    while "scorer: " not in log.read_text() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.2)
    assert len(session_of(process.pid)) >= 4, log.read_text()

    process.send_signal(signal.SIGINT)  # to the command alone: a Ctrl-C in a terminal reaches the others, too

    assert process.wait(timeout=30) == 130, log.read_text()
    assert session_of(process.pid) == []
    with highlevel.AnyReader([tmp_path / "out" / "bag"]) as bag:
        assert len(arrays(bag, "/joint_perception/label")) > 0
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["frames"] > 0


def session_of(leader: int) -> list[int]:
    """Living processes of a session, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_folder_of_the_users_is_not_emptied(tmp_path, capsys, checkpoints):
    (tmp_path / "thesis.txt").write_text("years of work")
    write_image(tmp_path / "picture.png", ros_graph.picture(64, 96))

    arguments = [tmp_path / "picture.png", "--weights", checkpoints(46), "--out", tmp_path]
    assert main(["demo", *map(str, arguments)]) == 1

    assert "holds other files" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.png"], ["absent.png", "check the path"]),
        (["note.png"], ["note.png", "cannot be decoded"]),
        (["note.mp4"], ["note.mp4", "no video"]),
        (["empty"], ["empty", "no pictures"]),
        (["empty", "--world", "rooms"], ["--world", "leave"]),
        (["--domain", "nyud"], ["--domain nyud", "choose --world"]),
        (["--seed", "-1"], ["-1", "0 or more"]),
        (["--weights", "absent.ckpt"], ["absent.ckpt", "no such file"]),
    ],
)
def test_what_cannot_be_shown_is_said_before_anything_starts(
    tmp_path, monkeypatch, capsys, checkpoints, arguments, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.png").write_text("not a picture")
    (tmp_path / "note.mp4").write_text("not a video")
    (tmp_path / "empty").mkdir()
    weights = [] if "--weights" in arguments else ["--weights", str(checkpoints(46))]

    assert main(["demo", *arguments, *weights, "--out", "out"]) == 1

    said = capsys.readouterr().err
    for word in words:
        assert word in said
    assert not (tmp_path / "out").exists()


def test_a_node_that_refuses_its_weights_ends_the_demonstration(tmp_path, checkpoints):
    write_image(tmp_path / "picture.png", ros_graph.picture(64, 96))

    done = demo(tmp_path, "picture.png", "--weights", checkpoints(6), "--domain", "nyud", "--out", "out")

    assert done.returncode == 1
    assert "domain 'nyud' has 40 classes" in done.stderr
    assert "error: the node did not become active" in done.stderr
