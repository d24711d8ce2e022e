# SPDX-License-Identifier: Apache-2.0
"""`joint_perception bag`: what comes out of recordings of all kinds."""

from __future__ import annotations

import numpy as np
import pytest
from recordings import (
    PERIOD,
    START,
    CompressionMode,
    StoragePlugin,
    drive,
    picture,
    read,
    stamp,
    stamp_of,
    write_bag,
    write_bag1,
)

from joint_perception.engine import Frame, load_engine

NODE = "/joint_perception"
OUTPUTS = ("label", "depth", "points", "camera_info")


def test_outputs_have_the_stamps_and_times_of_their_images(process, tmp_path):
    found = read(process(write_bag(tmp_path / "in", drive(3))))

    for output in OUTPUTS:
        messages = found[f"{NODE}/{output}"]
        assert [time for time, _ in messages] == [START + i * PERIOD for i in range(3)]
        assert [stamp(message) for _, message in messages] == [stamp_of(i) for i in range(3)]
        assert {message.header.frame_id for _, message in messages} == {"camera_optical_frame"}


def test_outputs_are_what_the_engine_says(process, tmp_path, checkpoints):
    found = read(process(write_bag(tmp_path / "in", drive(2))))

    engine = load_engine(str(checkpoints(6)), device="cpu")
    for i in range(2):
        prediction = engine.predict([Frame(picture(i))])[0]
        _, label = found[f"{NODE}/label"][i]
        assert label.encoding == "mono8"
        np.testing.assert_array_equal(label.data.reshape(48, 64), prediction.labels)


def test_the_recorded_messages_are_kept_as_they_were(process, tmp_path):
    recording = write_bag(tmp_path / "in", drive(3))

    before, after = read(recording), read(process(recording))

    assert before.keys() < after.keys()
    for topic, messages in before.items():
        assert [time for time, _ in messages] == [time for time, _ in after[topic]]
        assert [str(message) for _, message in messages] == [str(message) for _, message in after[topic]]


def test_only_new_leaves_them_out(process, tmp_path):
    found = read(process(write_bag(tmp_path / "in", drive(2)), "--only-new", "--outputs", "label"))

    assert found.keys() == {f"{NODE}/label", f"{NODE}/classes"}


@pytest.mark.parametrize(
    "kind", ["sqlite3", "mcap_zstd", "sqlite3_message", "sqlite3_file", "mcap_file", "mcap alone", "ros1"]
)
def test_every_kind_of_recording_gives_the_same(kind, process, tmp_path):
    expected = read(process(write_bag(tmp_path / "plain", drive(3)), out="expected"))

    found = read(process(recorded_as(kind, tmp_path)))

    assert found.keys() == expected.keys()
    for topic, messages in expected.items():
        assert [(time, str(message)) for time, message in found[topic]] == [(t, str(m)) for t, m in messages]


def recorded_as(kind, folder):
    if kind == "ros1":
        return write_bag1(folder / "in.bag", drive(3))
    storage = StoragePlugin.SQLITE3 if kind.startswith("sqlite3") else StoragePlugin.MCAP
    modes = {
        "mcap_zstd": CompressionMode.STORAGE,
        "sqlite3_message": CompressionMode.MESSAGE,
        "sqlite3_file": CompressionMode.FILE,
        "mcap_file": CompressionMode.FILE,
    }
    bag = write_bag(folder / "in", drive(3), storage=storage, compression=modes.get(kind))
    return bag / "in.mcap" if kind == "mcap alone" else bag
