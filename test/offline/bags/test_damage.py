# SPDX-License-Identifier: Apache-2.0
"""Recordings that are damaged, and runs that are ended: what can be done is done, once, and the rest is told."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from recordings import IMAGE, PERIOD, START, CompressionMode, drive, read, stamp, stamp_of, write_bag

LABEL = "/joint_perception/label"


def stamps(bag):
    return [stamp(message) for _, message in read(bag, LABEL)[LABEL]]


def test_a_killed_run_goes_on_and_the_bag_is_the_same_byte_for_byte(arguments, process, tmp_path):
    recording = write_bag(tmp_path / "in", drive(24))
    options = ("--chunk", "3", "--outputs", "label,depth")
    whole = process(recording, *options, out="one")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "joint_perception.cli", *arguments(recording, out, *options)]

    killed = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    parts = tmp_path / "out.partial" / "parts"
    while killed.poll() is None and not (parts.is_dir() and len([p for p in parts.iterdir() if p.suffix == ""]) > 1):
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    told = killed.communicate()[0].decode()
    done = sum(path.suffix == "" for path in parts.iterdir())
    assert 1 < done < 8, told
    assert not out.exists()

    assert process(recording, *options) == out

    again = (out / "out.mcap").read_bytes()
    assert again == (whole / "one.mcap").read_bytes().replace(b"one.mcap", b"out.mcap")
    assert not (tmp_path / "out.partial").exists()


def test_an_ended_run_is_not_continued_with_other_options(process, tmp_path, capsys):
    recording = write_bag(tmp_path / "in", drive(2))
    process(recording, "--outputs", "label", out="done")
    (tmp_path / "out.partial").mkdir()
    plan = '{"identity": {"job": {"outputs": ["label"]}, "recording": {}}, "plan": {}}'
    (tmp_path / "out.partial" / "plan.json").write_text(plan)

    process(recording, status=1)

    assert "--restart" in capsys.readouterr().err
    process(recording, "--restart")


def test_a_bag_that_exists_is_not_overwritten(process, tmp_path, capsys):
    recording = write_bag(tmp_path / "in", drive(1))
    process(recording)

    process(recording, status=1)

    assert "exists" in capsys.readouterr().err


def test_a_corrupt_message_is_told_and_skipped(process, tmp_path, capsys):
    def spoil(message, data):
        return data[: len(data) // 2] if message.kind == IMAGE and message.time == START + PERIOD else data

    out = process(write_bag(tmp_path / "in", drive(3), spoil=spoil), status=1)

    told = capsys.readouterr()
    assert stamps(out) == [stamp_of(0), stamp_of(2)]
    assert f"/camera/image at {(START + PERIOD) * 1e-9:.6f}" in told.err
    assert "2 frames, 1 corrupt" in told.out


def test_an_image_that_cannot_be_decoded_is_told_and_skipped(process, tmp_path, capsys):
    def spoil(message, data):
        return data.replace(b"rgb8", b"rgb9") if message.kind == IMAGE and message.time == START else data

    out = process(write_bag(tmp_path / "in", drive(3), spoil=spoil), "--topics", "/camera/image", status=1)

    told = capsys.readouterr()
    assert stamps(out) == [stamp_of(1), stamp_of(2)]
    assert "'rgb9' is not supported" in told.err
    assert "1 unknown_encoding" in told.out


def big(count):
    """A drive with an image of noise after each image, which fills a chunk of the file."""
    messages, rng = drive(count), np.random.default_rng(0)
    return messages + [
        replace(one, topic="/noise", time=one.time + 1, fields=(one.fields[0], rng.integers(0, 256, NOISE, np.uint8)))
        for one in messages
        if one.kind == IMAGE
    ]


NOISE = (480, 800, 3)
ONE_CAMERA = ("--topics", "/camera/image", "--pairing", "latest", "--outputs", "label")


@pytest.mark.parametrize("compression", [None, CompressionMode.STORAGE])
def test_a_recording_that_was_cut_off_is_processed_to_its_end(compression, process, tmp_path, capsys):
    bag = write_bag(tmp_path / "in", big(4), compression=compression)
    file = bag / "in.mcap"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.7)])
    (bag / "metadata.yaml").unlink()  # as a recorder leaves it that was killed

    found = stamps(process(bag, *ONE_CAMERA, status=1))

    assert found == [stamp_of(i) for i in range(3)]
    assert "it was cut off" in capsys.readouterr().err


def test_a_damaged_chunk_costs_its_own_messages_alone(process, tmp_path, capsys):
    bag = write_bag(tmp_path / "in", big(4), compression=CompressionMode.STORAGE)
    file = bag / "in.mcap"
    content = bytearray(file.read_bytes())
    second = content.index(b"\x28\xb5\x2f\xfd", content.index(b"\x28\xb5\x2f\xfd") + 1)  # zstd's magic number
    content[second + 8 : second + 1000] = bytes(992)
    file.write_bytes(content)

    found = stamps(process(bag, *ONE_CAMERA, status=1))

    assert found == [stamp_of(0), stamp_of(2), stamp_of(3)]
    assert "a chunk gave" in capsys.readouterr().err
