# SPDX-License-Identifier: Apache-2.0
"""vision_msgs/LabelInfo, which Nav2's semantic layers wait for; where vision_msgs is not installed there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joint_perception.domains.domain import VOID_ID

if TYPE_CHECKING:
    from std_msgs.msg import Header

    from joint_perception.domains import Domain

_VOID_NAME = "unlabeled"  # what vision_msgs calls 255 in masks of 8 bits


def label_info_type() -> type | None:
    """The message type, or None."""
    try:
        from vision_msgs.msg import LabelInfo  # noqa: PLC0415
    except ImportError:
        return None
    kind: type = LabelInfo
    return kind


def label_info_message(header: Header, domain: Domain, threshold: float) -> Any:
    """What the ids of a label image mean.

    Args:
        header: Goes in as it is.
        domain: Of the published ids.
        threshold: Confidence below which labels are void.
    """
    from vision_msgs.msg import LabelInfo, VisionClass  # noqa: PLC0415

    classes = [VisionClass(class_id=i, class_name=name) for i, name in enumerate(domain.class_names)]
    classes.append(VisionClass(class_id=VOID_ID, class_name=_VOID_NAME))
    return LabelInfo(header=header, class_map=classes, threshold=threshold)
