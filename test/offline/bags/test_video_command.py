# SPDX-License-Identifier: Apache-2.0
"""`joint_perception video`: a bag, an annotated video and clouds of whatever shows pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from recordings import picture, read, stamp

from joint_perception.cli import main
from joint_perception.engine import Frame, load_engine

NODE = "/joint_perception"


@pytest.fixture
def show(checkpoints, one_engine, tmp_path):
    """Run the verb; the folder of results."""

    def run(source, *options, status=0):
        arguments = ["video", str(source), "--out", str(tmp_path / "out"), "--weights", str(checkpoints(6))]
        assert main([*arguments, "--device", "cpu", "--no-progress", *options]) == status
        return tmp_path / "out"

    return run


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "pictures"
    made.mkdir()
    for i in range(5):
        cv2.imwrite(str(made / f"{i:02}.png"), picture(i)[..., ::-1])
    return made


def test_a_folder_becomes_a_bag_a_video_and_clouds(show, folder, checkpoints):
    out = show(folder, "--ply-every", "2", "--pictures", "png", "--rate", "5")

    found = read(out / "bag")
    times = [time for time, _ in found[f"{NODE}/label"]]
    assert np.diff(times).tolist() == [200_000_000] * 4
    assert [stamp(message) for _, message in found[f"{NODE}/depth"]] == times
    engine = load_engine(str(checkpoints(6)), device="cpu")
    for i, (_, label) in enumerate(found[f"{NODE}/label"]):
        np.testing.assert_array_equal(label.data.reshape(48, 64), engine.predict([Frame(picture(i))])[0].labels)
    recorded = cv2.imdecode(found["/camera/image/compressed"][3][1].data, cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(recorded[..., ::-1], picture(3))
    video = cv2.VideoCapture(str(out / "annotated.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (5, 5)
    assert sorted(file.name for file in (out / "ply").iterdir()) == ["000000.ply", "000002.ply", "000004.ply"]
    assert not (out / ".parts").exists()


def test_a_video_file_is_played_at_its_own_rate(show, tmp_path):
    file = tmp_path / "drive.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 20, (64, 48))
    for i in range(6):
        writer.write(picture(i))
    writer.release()

    out = show(file, "--every", "3", "--outputs", "label", "--no-video")

    (first, second) = (time for time, _ in read(out / "bag")[f"{NODE}/label"])
    assert second - first == 150_000_000
    assert not (out / "annotated.mp4").exists()


def test_a_picture_that_cannot_be_read_is_told_and_skipped(show, folder, capsys):
    (folder / "02.png").write_bytes(b"no picture")

    out = show(folder, "--outputs", "label", "--no-video", status=1)

    assert len(read(out / "bag")[f"{NODE}/label"]) == 4
    assert "02.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "options", "told"),
    [
        ("absent.mp4", (), "is neither a file nor a folder"),
        (".", ("--rate", "0"), "--rate is 0.0"),
        (".", ("--fx", "-1"), "--fx is -1.0"),
        (".", ("--every", "0"), "--every is 0"),
        ("/dev/null", (), "cannot be opened"),
    ],
)
def test_what_cannot_be_is_named(source, options, told, show, capsys):
    show(source, *options, status=1)

    assert told in capsys.readouterr().err
