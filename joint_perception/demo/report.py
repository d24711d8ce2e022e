# SPDX-License-Identifier: Apache-2.0
"""What came over the topics, as files and figures for a person."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.demo.player import IMAGE_TOPIC
from joint_perception.engine import Frame, Prediction
from joint_perception.geometry import Cloud, write_ply
from joint_perception.geometry.cloud import FIELDS
from joint_perception.offline.files import write_image
from joint_perception.offline.panel import draw_panel

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.demo.recorder import Recorder
    from joint_perception.domains import Domain

_DTYPES = {"mono8": ("u1", 1), "rgb8": ("u1", 3), "32FC1": ("<f4", 1)}


def write_pictures(recorder: Recorder, node_name: str, domain: Domain, folder: Path, note: str) -> list[Path]:
    """Write a panel and a PLY of the last frame of each image size, from the received messages alone.

    Args:
        recorder: What came.
        node_name: Fully qualified name of the node.
        domain: What the labels mean.
        folder: Where the files go.
        note: What every panel must say.

    Returns:
        The files.
    """
    written = []
    clouds = recorder.newest.get(f"{node_name}/points", {})
    for (height, width), points in clouds.items():
        topics = (IMAGE_TOPIC, f"{node_name}/label", f"{node_name}/depth")
        messages = [recorder.newest.get(topic, {}).get((height, width)) for topic in topics]
        if any(message is None for message in messages):
            continue
        image, labels, depth = (array_of(message) for message in messages)
        cloud = Cloud(np.frombuffer(points.data, np.float32).reshape(height, width, len(FIELDS)))
        prediction = Prediction(labels, depth, cloud.confidence)
        panel, ply = folder / f"{width}x{height}_panel.png", folder / f"{width}x{height}.ply"
        write_image(panel, draw_panel(Frame(image), prediction, cloud, domain, note))
        write_ply(cloud, ply)
        written += [panel, ply]
    return written


def array_of(message: Any) -> npt.NDArray[Any]:
    """The pixels of an image message of the node's."""
    kind, channels = _DTYPES[message.encoding]
    pixels = np.frombuffer(message.data, kind)
    return pixels.reshape(
        (message.height, message.width, channels) if channels > 1 else (message.height, message.width)
    )


def summary(recorder: Recorder, node_name: str) -> list[str]:
    """Lines that say what was measured."""
    lines = [f"  {'topic':<34}{'messages':>9}{'latency, median':>18}"]
    for topic, values in sorted(recorder.latencies.items()):
        lines.append(f"  {topic:<34}{len(values):>9}{1e3 * statistics.median(values):>15.0f} ms")
    stats = recorder.newest.get(f"{node_name}/stats", {}).get((0, 0))
    if stats is not None:
        drops = ", ".join(f"{n} {cause}" for cause, n in zip(stats.drop_causes, stats.drop_counts, strict=True))
        lines.append(
            f"  frames: {stats.frames_in} in, {stats.frames_out} out, {stats.frames_dropped} dropped"
            + (f" ({drops})" if drops else "")
        )
        stages = zip(stats.stages, stats.stage_milliseconds, strict=True)
        lines.append("  newest frame: " + ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in stages))
    return lines
