# SPDX-License-Identifier: Apache-2.0
"""The new bag as MCAP's own reader sees it, index, definitions and all."""

from __future__ import annotations

import pytest
from recordings import drive, write_bag

reader_module = pytest.importorskip("mcap.reader")


@pytest.fixture
def bag(process, tmp_path):
    return process(write_bag(tmp_path / "in", drive(7)), "--chunk", "2") / "out.mcap"


def test_the_index_is_right(bag):
    with bag.open("rb") as file:
        reader = reader_module.make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        messages = list(reader.iter_messages())
    with bag.open("rb") as file:  # without the index
        plain = list(reader_module.NonSeekingReader(file).iter_messages())

    counts = summary.statistics.channel_message_counts
    assert summary.statistics.message_count == len(messages) == len(plain) == sum(counts.values())
    assert [message.data for _, _, message in messages] == [message.data for _, _, message in plain]
    times = [message.log_time for _, _, message in messages]
    assert times == sorted(times)
    assert (summary.statistics.message_start_time, summary.statistics.message_end_time) == (times[0], times[-1])


def test_messages_are_found_by_topic_and_time(bag):
    with bag.open("rb") as file:
        reader = reader_module.make_reader(file)
        every = [m for _, _, m in reader.iter_messages(topics=["/joint_perception/label"])]
        third = next(iter(reader.iter_messages(["/joint_perception/label"], start_time=every[2].log_time)))

    assert len(every) == 7
    assert third[2].data == every[2].data


def test_every_definition_is_there_whole(bag):
    with bag.open("rb") as file:
        summary = reader_module.make_reader(file).get_summary()

    texts = {schema.name: schema.data.decode() for schema in summary.schemas.values()}
    assert {summary.schemas[channel.schema_id].encoding for channel in summary.channels.values()} == {"ros2msg"}
    assert "MSG: joint_perception/SemanticClass" in texts["joint_perception/msg/ClassMap"]
    assert "MSG: std_msgs/Header" in texts["sensor_msgs/msg/PointCloud2"]
    assert "MSG: builtin_interfaces/Time" in texts["sensor_msgs/msg/PointCloud2"]
    qos = {c.topic: c.metadata["offered_qos_profiles"] for c in summary.channels.values()}
    assert "durability: transient_local" in qos["/joint_perception/classes"]
