# SPDX-License-Identifier: Apache-2.0
"""A bag whose disk is full: what was written can be read, by rosbags as by anybody, and the loss is told."""

from __future__ import annotations

import resource

import pytest
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from joint_perception.demo.bag import Bag

STORE = get_typestore(Stores.ROS2_JAZZY)
MESSAGE = bytes(range(256)) * 300  # 77 kB; a chunk is 1 MiB


@pytest.fixture
def disk():
    """Lets no file of this process grow beyond so many bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write(folder, count, disk=None, size=0):
    bag = Bag(folder)
    connections = [bag.writer.add_connection(topic, "std_msgs/msg/String", typestore=STORE) for topic in ("/a", "/b")]
    if disk:
        disk(size)
    for i in range(count):
        bag.write(connections[i % 2], 1000 + i, MESSAGE + bytes([i]))
    bag.close()
    return bag


def read(folder):
    with Reader(folder) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
        messages = [(c.topic, stamp, data) for c, stamp, data in reader.messages()]
        assert reader.message_count == len(messages)
    assert sum(counts.values()) == len(messages)
    return messages


def test_a_bag_with_room_is_whole(tmp_path):
    bag = write(tmp_path / "bag", 40)
    assert bag.trouble == ""
    assert len(read(tmp_path / "bag")) == 40
    assert sorted(p.name for p in (tmp_path / "bag").iterdir()) == ["bag.mcap", "metadata.yaml"]


@pytest.mark.parametrize("size", [1_500_000, 2_000_000, 2_400_000, 3_300_000])
def test_a_full_disk_leaves_a_readable_bag(tmp_path, disk, size):
    bag = write(tmp_path / "bag", 60, disk, size)

    messages = read(tmp_path / "bag")
    assert len(messages) > 10
    assert [stamp for _, stamp, _ in messages] == [1000 + i for i in range(len(messages))]
    assert all(data == MESSAGE + bytes([i]) for i, (_, _, data) in enumerate(messages))
    assert "messages were lost" in bag.trouble
    assert "make room on" in bag.trouble


def test_a_disk_that_fills_at_the_very_end(tmp_path, disk):
    whole = write(tmp_path / "first", 40)
    assert not whole.trouble
    size = (tmp_path / "first" / "first.mcap").stat().st_size

    bag = write(tmp_path / "bag", 40, disk, size - 300)  # all chunks fit, the index does not

    assert bag.trouble
    assert 20 <= len(read(tmp_path / "bag")) < 40
