# SPDX-License-Identifier: Apache-2.0
"""Which images are processed, with which camera_info, and what is written of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from recordings import INFO, PERIOD, START, drive, read, stamp, stamp_of, write_bag

from joint_perception.offline.bags.cameras import camera_names
from joint_perception.offline.bags.compression import decode_depth

NODE = "/joint_perception"


def stamps(bag, topic=f"{NODE}/label"):
    return [stamp(message) for _, message in read(bag, topic)[topic]]


def test_two_cameras_have_outputs_of_their_own(process, tmp_path):
    messages = drive(3, "/front/camera") + drive(2, "/rear/camera", compressed=True, seed=50)
    out = process(write_bag(tmp_path / "in", messages), "--outputs", "label,camera_info")

    assert stamps(out, f"{NODE}/front/label") == [stamp_of(i) for i in range(3)]
    assert stamps(out, f"{NODE}/rear/label") == [stamp_of(i) for i in range(2)]
    assert len(read(out)[f"{NODE}/rear/classes"]) == 1


def test_topics_leave_the_others_alone(process, tmp_path):
    messages = drive(2, "/front/camera") + drive(2, "/rear/camera", seed=50)
    out = process(write_bag(tmp_path / "in", messages), "--topics", "/rear/camera/image", "--outputs", "label")

    found = read(out)
    assert len(found[f"{NODE}/label"]) == 2
    assert len(found["/front/camera/image"]) == 2  # recorded, and kept


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--every", "2"), [0, 2, 4]),
        (("--start", "0.15"), [2, 3, 4]),
        (("--end", "0.3"), [0, 1, 2]),
        (("--start", "0.1", "--end", "0.4", "--every", "2"), [1, 3]),
    ],
)
def test_a_stretch_and_every_nth(options, expected, process, tmp_path):
    out = process(write_bag(tmp_path / "in", drive(5)), "--outputs", "label", *options)

    assert stamps(out) == [stamp_of(i) for i in expected]


def test_a_stretch_holds_for_the_recorded_messages_too(process, tmp_path):
    out = process(write_bag(tmp_path / "in", drive(5)), "--outputs", "label", "--start", "0.1", "--end", "0.3")

    assert [time for time, _ in read(out)["/camera/image"]] == [START + PERIOD, START + 2 * PERIOD]


def test_images_without_a_camera_info_are_told_of(process, tmp_path, capsys):
    messages = [m for m in drive(3) if not (m.kind == INFO and m.time > START + PERIOD)]
    recording = write_bag(tmp_path / "in", messages)

    assert stamps(process(recording, status=1)) == [stamp_of(0)]
    told = capsys.readouterr()
    assert "2 images have no camera_info" in told.err
    assert "--pairing latest" in told.err

    out = process(recording, "--pairing", "latest", out="latest")
    assert stamps(out, f"{NODE}/camera_info") == [stamp_of(i) for i in range(3)]


def test_a_new_bag_can_be_processed_again(process, tmp_path, capsys):
    once = process(write_bag(tmp_path / "in", drive(2)), "--outputs", "label,overlay")

    twice = process(once, "--outputs", "label", out="twice")
    assert "replaced on /joint_perception/classes, /joint_perception/label" in capsys.readouterr().err
    assert stamps(twice) == [stamp_of(i) for i in range(2)]

    beside = read(process(once, "--outputs", "label", "--node-name", "other", out="beside"))
    assert len(beside["/other/label"]) == len(beside["/joint_perception/overlay"]) == 2


def test_compressed_outputs_hold_the_same_pixels(process, tmp_path):
    recording = write_bag(tmp_path / "in", drive(1))
    raw = read(process(recording, "--outputs", "label,depth", "--param", "depth.encoding=16UC1"))

    found = read(
        process(
            recording,
            *("--outputs", "label,depth", "--param", "depth.encoding=16UC1", "--images", "compressed"),
            out="compressed",
        )
    )

    label = found[f"{NODE}/label/compressed"][0][1]
    assert label.format.startswith("mono8; png")
    np.testing.assert_array_equal(
        cv2.imdecode(label.data, cv2.IMREAD_UNCHANGED).reshape(-1), raw[f"{NODE}/label"][0][1].data
    )
    depth = found[f"{NODE}/depth/compressedDepth"][0][1]
    assert depth.format == "16UC1; compressedDepth png"
    np.testing.assert_array_equal(
        decode_depth(bytes(depth.data)).reshape(-1), raw[f"{NODE}/depth"][0][1].data.view("<u2")
    )


def test_compressed_metres_are_those_within_the_plugins_error(process, tmp_path):
    recording = write_bag(tmp_path / "in", drive(1))
    metres = read(process(recording, "--outputs", "depth"))[f"{NODE}/depth"][0][1].data.view("<f4")

    out = process(recording, "--outputs", "depth", "--images", "compressed", out="compressed")

    found = decode_depth(bytes(read(out)[f"{NODE}/depth/compressedDepth"][0][1].data)).reshape(-1)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(metres))
    # A step of the stored inverse depth: z^2 / a, with a = 100 * 101.
    np.testing.assert_array_less(np.nan_to_num(np.abs(found - metres)), np.nan_to_num(1.1 * metres**2 / 10100 + 1e-4))


def test_every_output_is_written(process, tmp_path):
    every = "label,label_color,overlay,confidence,depth,normals,points,obstacles,image_rect,camera_info"

    found = read(process(write_bag(tmp_path / "in", drive(1)), "--outputs", every, "--only-new"))

    assert found.keys() == {f"{NODE}/{name}" for name in [*every.split(","), "classes"]}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--topics", "/nothing"), "'/nothing' is not in the recording"),
        (("--topics", "/words"), "'/words' is std_msgs/msg/String"),
        (("--outputs", "labels"), "--outputs names labels"),
        (("--every", "0"), "--every is 0"),
        (("--start", "2", "--end", "1"), "leave nothing"),
        (("--camera-info", "/camera/image"), "write IMAGE=INFO"),
        (("--param", "depth.encodin=16UC1"), "did you mean 'depth.encoding'?"),
        (("--start", "100"), "no image on /camera/image"),
    ],
)
def test_wrong_options_are_named(options, told, process, tmp_path, capsys):
    process(write_bag(tmp_path / "in", drive(1)), *options, status=1)

    assert told in capsys.readouterr().err


def test_what_is_no_recording_is_refused(process, tmp_path, capsys):
    (tmp_path / "file.mcap").write_bytes(b"nothing of the kind")

    process(tmp_path / "file.mcap", status=1)
    assert "is no MCAP file" in capsys.readouterr().err
    process(tmp_path, status=1)
    process(tmp_path / "absent", status=1)
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("topics", "names"),
    [
        (["/camera/image"], [""]),
        (["/front/image", "/rear/image"], ["front", "rear"]),
        (["/front/camera/image_rect/compressed", "/rear/camera/image_rect"], ["front", "rear"]),
        (["/robot/left/image", "/robot/right/image"], ["left", "right"]),
        (["/image_a", "/image_b"], ["image_a", "image_b"]),
        (["/a/b/image", "/a/image"], ["b", "image"]),
    ],
)
def test_cameras_are_named_by_what_tells_their_topics_apart(topics, names):
    assert camera_names(topics) == names
