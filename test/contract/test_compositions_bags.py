# SPDX-License-Identifier: Apache-2.0
"""Recording and playing: outputs through a real bag file, and a bag's images with old stamps, in a loop."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from ros_graph import IMAGE_TOPIC, INFO_TOPIC, array_of, camera_info, image_message, picture
from sensor_msgs.msg import CameraInfo, Image

rosbag2 = pytest.importorskip("rosbags.rosbag2")
typesys = pytest.importorskip("rosbags.typesys")

RECORDED_AT = 1_500_000_000  # seconds since 1970; years ago
STORE = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
for _file in (Path(__file__).parents[2] / "msg").glob("*.msg"):
    STORE.register(typesys.get_types_from_msg(_file.read_text(), f"joint_perception/msg/{_file.stem}"))


@pytest.fixture(params=["SQLITE3", "MCAP"])
def bag(request, tmp_path):
    """Write messages to a bag as they are on the wire; read them back, in order."""
    plugin = getattr(rosbag2.StoragePlugin, request.param)

    def through(recorded):
        with rosbag2.Writer(tmp_path / "drive", version=9, storage_plugin=plugin) as writer:
            connections = {}
            for topic, message in recorded:
                if topic not in connections:
                    kind = type(message)
                    name = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
                    connections[topic] = writer.add_connection(topic, name, typestore=STORE)
                stamp = message.header.stamp
                writer.write(connections[topic], stamp.sec * 10**9 + stamp.nanosec, serialize_message(message))
        with rosbag2.Reader(tmp_path / "drive") as reader:
            return [(connection.topic, connection.msgtype, bytes(data)) for connection, _, data in reader.messages()]

    return through


def test_outputs_come_out_of_a_bag_as_they_went_in(metres, bag):
    recorded = [(f"/joint_perception/{name}", metres.outputs[name]) for name in ("label", "depth", "points")]

    read = {topic: (kind, data) for topic, kind, data in bag(recorded)}

    for topic, message in recorded:
        kind, data = read[topic]
        theirs = STORE.deserialize_cdr(data, kind)
        assert deserialize_message(data, type(message)) == message
        assert (theirs.width, theirs.height) == (message.width, message.height)
        assert theirs.data.tobytes() == message.data.tobytes()


@pytest.mark.parametrize("bag", ["MCAP"], indirect=True)
def test_mcaps_own_reader_knows_every_message_by_the_definitions_in_the_bag(metres, latched, bag, tmp_path):
    reader, decoder = pytest.importorskip("mcap.reader"), pytest.importorskip("mcap_ros2.decoder")
    names = ("label", "depth", "points", "camera_info", "stats")
    recorded = {f"/joint_perception/{name}": metres.outputs[name] for name in names}
    recorded["/joint_perception/classes"] = latched["metres"]
    bag(recorded.items())

    (file,) = (tmp_path / "drive").glob("*.mcap")
    with file.open("rb") as stream:
        read = reader.make_reader(stream, decoder_factories=[decoder.DecoderFactory()]).iter_decoded_messages()
        theirs = {channel.topic: message for _, channel, _, message in read}

    assert theirs.keys() == recorded.keys()
    for name in ("label", "depth", "points"):
        ours, message = metres.outputs[name], theirs[f"/joint_perception/{name}"]
        assert message.header.frame_id == ours.header.frame_id
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (
            ours.header.stamp.sec,
            ours.header.stamp.nanosec,
        )
        assert (message.width, message.height) == (ours.width, ours.height)
        assert bytes(message.data) == ours.data.tobytes()
    assert list(theirs["/joint_perception/camera_info"].p) == list(metres.outputs["camera_info"].p)
    assert list(theirs["/joint_perception/stats"].stages) == list(metres.outputs["stats"].stages)
    assert [(entry.id, entry.name) for entry in theirs["/joint_perception/classes"].classes] == [
        (entry.id, entry.name) for entry in latched["metres"].classes
    ]


def test_a_bag_of_years_ago_is_played_twice(stations, scenes, bag):
    station = stations["metres"]
    graph = station.graph
    recorded = []
    for index in range(3):
        image, info = image_message(picture(120, 168, seed=index)), camera_info(168, 120)
        image.header.stamp = info.header.stamp = Time(sec=RECORDED_AT + index)
        recorded += [(IMAGE_TOPIC, image), (INFO_TOPIC, info)]
    kinds = {"sensor_msgs/msg/Image": Image, "sensor_msgs/msg/CameraInfo": CameraInfo}
    messages = [(topic, deserialize_message(data, kinds[kind])) for topic, kind, data in bag(recorded)]
    images, infos = ([m for t, m in messages if t == topic] for topic in (IMAGE_TOPIC, INFO_TOPIC))

    masks = []
    for _ in range(2):
        graph.received.clear()
        for image, info in zip(images, infos, strict=True):
            end = time.monotonic() + 30
            stamp = image.header.stamp
            while not any(m.header.stamp == stamp for m in graph.received["label"]):
                assert time.monotonic() < end, station.process.log
                graph.send(image, info)
                graph.spin(0.5)
        by_second = {message.header.stamp.sec: message for message in graph.received["label"]}
        masks.append([array_of(by_second[RECORDED_AT + index]) for index in range(3)])

    np.testing.assert_array_equal(*masks)
    assert not np.array_equal(masks[0][0], masks[0][1])
    graph.received.clear()
