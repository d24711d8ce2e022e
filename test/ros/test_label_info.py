# SPDX-License-Identifier: Apache-2.0
"""vision_msgs/LabelInfo: with vision_msgs, and without."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from std_msgs.msg import Header

from joint_perception.domains import KITTI
from joint_perception.ros.label_info import label_info_message, label_info_type


@pytest.fixture
def vision_msgs(monkeypatch):
    """The package, or where it is not installed its two messages' fields."""
    try:
        from vision_msgs.msg import LabelInfo  # noqa: PLC0415
    except ImportError:
        package, messages = ModuleType("vision_msgs"), ModuleType("vision_msgs.msg")
        LabelInfo = type("LabelInfo", (SimpleNamespace,), {})  # noqa: N806
        messages.LabelInfo, messages.VisionClass = LabelInfo, type("VisionClass", (SimpleNamespace,), {})
        package.msg = messages
        monkeypatch.setitem(sys.modules, "vision_msgs", package)
        monkeypatch.setitem(sys.modules, "vision_msgs.msg", messages)
    return LabelInfo


def test_every_class_and_void(vision_msgs):
    header = Header(frame_id="camera")

    message = label_info_message(header, KITTI, 0.25)

    assert label_info_type() is vision_msgs
    assert message.header == header
    assert message.threshold == 0.25
    told = [(entry.class_id, entry.class_name) for entry in message.class_map]
    assert told == [*enumerate(KITTI.class_names), (255, "unlabeled")]


def test_without_vision_msgs_there_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "vision_msgs", None)
    monkeypatch.setitem(sys.modules, "vision_msgs.msg", None)

    assert label_info_type() is None
