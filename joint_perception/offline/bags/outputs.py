# SPDX-License-Identifier: Apache-2.0
"""The output messages of a frame: those of the node, byte for byte, or compressed as image_transport does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from joint_perception.domains.domain import VOID_ID
from joint_perception.domains.overlay import overlay
from joint_perception.geometry import normals_from_depth
from joint_perception.offline.bags import compression
from joint_perception.offline.bags.job import OUTPUTS
from joint_perception.offline.bags.message_types import (
    CAMERA_INFO,
    CLASS_MAP,
    COMPRESSED_IMAGE,
    IMAGE,
    POINT_CLOUD,
    Messages,
)
from joint_perception.pipeline.clouds import CloudMaker
from joint_perception.pipeline.labels import meaning
from joint_perception.pipeline.layout import cloud_layout, confidence_pixels, depth_pixels, image_layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from joint_perception.engine import Prediction, Reading
    from joint_perception.offline.bags.cameras import CameraTopics
    from joint_perception.offline.bags.job import Job
    from joint_perception.pipeline.camera_frame import CameraFrame
    from joint_perception.pipeline.labels import LabelMeaning

CLASSES = "classes"
_CLOUDS = ("points", "obstacles")


class OutputTopic(NamedTuple):
    """A topic that is written.

    Attributes:
        output: Name out of `OUTPUTS`, or `classes`.
        camera: Index of the camera.
        name: Of the topic.
        kind: Its message type.
        latched: Whether those that come later get the last one.
    """

    output: str
    camera: int
    name: str
    kind: str
    latched: bool = False


def output_topics(job: Job, cameras: tuple[CameraTopics, ...]) -> list[OutputTopic]:
    """The topics that a job writes, the classes of each camera first."""
    topics = []
    for index, camera in enumerate(cameras):
        prefix = f"/{job.node}/{camera.name}/" if camera.name else f"/{job.node}/"
        topics.append(OutputTopic(CLASSES, index, f"{prefix}{CLASSES}", CLASS_MAP, latched=True))
        for output in job.outputs:
            kind, suffix = _kind(output), ""
            if kind == IMAGE and job.images == "compressed" and (coded := compression.suffix(output)):
                kind, suffix = COMPRESSED_IMAGE, coded
            topics.append(OutputTopic(output, index, f"{prefix}{output}{suffix}", kind))
    return topics


def _kind(output: str) -> str:
    if output in _CLOUDS:
        return POINT_CLOUD
    return CAMERA_INFO if output == "camera_info" else IMAGE


class OutputMaker:
    """Makes the messages of frames; safe to use from several threads.

    Args:
        job: Says which.
        messages: Makes messages.
    """

    def __init__(self, job: Job, messages: Messages) -> None:
        self._job, self._settings, self._messages = job, job.settings, messages

    @property
    def needs_network(self) -> bool:
        """Whether an output is asked for that the network must run for."""
        return any(OUTPUTS[name] for name in self._job.outputs)

    @property
    def wanted(self) -> set[str]:
        """What the engine must compute besides labels and depth, of `engine.frame.EVERYTHING`."""
        outputs = self._job.outputs
        found = {"confidence"} if {"confidence", *_CLOUDS} & {*outputs} else set()
        return found | ({"normals"} if "normals" in outputs and self._settings["normals.source"] != "depth" else set())

    def classes(self, reading: Reading, time: int) -> bytes:
        """What the label ids mean; `time` in nanoseconds."""
        header = self._messages.header(time, "")
        return self._messages.class_map(header, meaning(reading.domain, self._settings["grouping"]).published, VOID_ID)

    def make(self, taken: CameraFrame, prediction: Prediction | None, reading: Reading) -> Iterator[tuple[str, bytes]]:
        """The outputs of a frame, in the order of the job's.

        Args:
            taken: The frame.
            prediction: What the network said of it; None: no output needs it.
            reading: How that was read.
        """
        told = meaning(reading.domain, self._settings["grouping"])
        for output in self._job.outputs:
            if output == "camera_info":
                yield output, self._messages.camera_info(taken.info)
            elif output == "image_rect":
                yield output, self._image(output, taken, taken.frame.image)
            elif prediction is None:
                raise ValueError(f"output {output!r} needs a prediction")
            elif output in _CLOUDS:
                # A maker of its own for each frame: the ground that an earlier one had would make the result
                # depend on which frames are processed together.
                maker = CloudMaker(self._settings)
                make = maker.points if output == "points" else maker.obstacles
                cloud = make(taken.frame, prediction, told)
                colors = maker.semantic_colors(cloud, told) if output == "points" else None
                layout = cloud_layout(cloud, colors, maker.fields) if output == "points" else cloud_layout(cloud)
                yield output, self._messages.cloud(taken.header, layout)
            else:
                yield output, self._image(output, taken, self._pixels(output, taken, prediction, told))

    def _pixels(self, output: str, taken: CameraFrame, prediction: Prediction, told: LabelMeaning) -> npt.NDArray[Any]:
        settings = self._settings
        if output == "depth":
            return depth_pixels(prediction.depth, settings["depth.encoding"])
        if output == "confidence" and prediction.confidence is not None:
            return confidence_pixels(prediction.confidence)
        if output == "normals":
            return self._normals(taken, prediction)
        labels = told.of(prediction.labels)
        if output == "label":
            return labels
        colors = told.published.colorize(labels)
        if output == "label_color":
            return colors
        return overlay(taken.frame.image, colors, labels, settings["overlay.alpha"])

    def _normals(self, taken: CameraFrame, prediction: Prediction) -> npt.NDArray[np.float32]:
        if prediction.normals is not None and self._settings["normals.source"] != "depth":
            return prediction.normals
        if taken.frame.camera is None:  # FrameMaker never hands out a frame without one
            raise ValueError("normals need the camera of their image")
        return normals_from_depth(prediction.depth, taken.frame.camera)

    def _image(self, output: str, taken: CameraFrame, pixels: npt.NDArray[Any]) -> bytes:
        if self._job.images == "compressed" and compression.suffix(output):
            kind, data = compression.encode(output, pixels)
            return self._messages.compressed_image(taken.header, kind, data)
        return self._messages.image(taken.header, image_layout(pixels))
