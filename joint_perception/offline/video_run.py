# SPDX-License-Identifier: Apache-2.0
"""Footage through the network: a bag, an annotated video and clouds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
from tqdm import tqdm

from joint_perception.engine import Frame
from joint_perception.geometry import write_ply
from joint_perception.offline.annotated import annotated
from joint_perception.offline.bags.cameras import CameraTopics
from joint_perception.offline.bags.joining import join
from joint_perception.offline.bags.message_types import CAMERA_INFO, COMPRESSED_IMAGE, Messages, typestore
from joint_perception.offline.bags.outputs import CLASSES, OutputMaker, output_topics
from joint_perception.offline.bags.parts import Parts, PartWriter
from joint_perception.offline.bags.recording import Topic
from joint_perception.offline.bags.stages import Stage
from joint_perception.offline.files import assumed_camera
from joint_perception.offline.movie import Movie
from joint_perception.pipeline.camera_frame import CameraFrame
from joint_perception.pipeline.clouds import CloudMaker
from joint_perception.pipeline.labels import meaning
from joint_perception.pipeline.readings import reading_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joint_perception.engine import Engine, Prediction, Reading
    from joint_perception.offline.bags.job import Job
    from joint_perception.offline.bags.parts import PartReport
    from joint_perception.offline.footage import Footage, Shown

IMAGE_TOPIC, INFO_TOPIC = "/camera/image/compressed", "/camera/camera_info"
FRAME_ID = "camera_optical_frame"
_WAITING = 2  # frames between two stages
_FORMATS = {
    "jpeg": (".jpg", "rgb8; jpeg compressed bgr8", [cv2.IMWRITE_JPEG_QUALITY, 95]),
    "png": (".png", "rgb8; png compressed bgr8", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
}


@dataclass(frozen=True)
class Wanted:
    """What is made of footage.

    Attributes:
        job: The outputs in the bag, and the node's parameters.
        bag: Whether there is a bag.
        movie: Whether there is an annotated video.
        ply_every: A cloud of every so many frames as PLY; 0: none.
        fx: Focal length in pixels; None: the domain's training camera's.
        pictures: `jpeg` or `png`: how the pictures go into the bag.
    """

    job: Job
    bag: bool = True
    movie: bool = True
    ply_every: int = 0
    fx: float | None = None
    pictures: str = "jpeg"


@dataclass
class Made:
    """What was made.

    Attributes:
        frames: Frames that were processed.
        files: What there is to look at.
        report: On the bag; None where there is none.
        interrupted: Whether the user ended it.
    """

    frames: int = 0
    files: list[Path] = field(default_factory=list)
    report: PartReport | None = None
    interrupted: bool = False


class VideoRun:
    """Processes footage; reading, the network and writing go on at the same time.

    Args:
        engine: The network.
        footage: The pictures.
        wanted: What is made of them.
        folder: Where to; made where absent.
    """

    def __init__(self, engine: Engine, footage: Footage, wanted: Wanted, folder: Path) -> None:
        self._engine, self._footage, self._wanted, self._folder = engine, footage, wanted, folder
        self._settings = wanted.job.settings
        self._store = typestore()
        self._messages = Messages(self._store)
        self._maker = OutputMaker(wanted.job, self._messages)
        self._clouds = CloudMaker(self._settings)
        self._parts = Parts(folder / ".parts")

    def run(self, *, progress: bool = True) -> Made:
        """Process all of it, or until the user interrupts: what was done until then is finished.

        Returns:
            What was made.
        """
        made = Made()
        movie = Movie(self._folder / "annotated.mp4", self._footage.rate) if self._wanted.movie else None
        read = Stage("reader", self._footage, _WAITING)
        predicted = Stage("network", self._predict(read), _WAITING)
        writer: PartWriter | None = None
        try:
            for taken, reading, prediction in tqdm(
                predicted, total=self._footage.count, unit="frame", disable=not progress
            ):
                if self._wanted.bag:
                    writer = writer or self._open(taken, reading)
                    self._write(writer, taken, reading, prediction)
                self._draw(made, movie, taken, reading, prediction)
                made.frames += 1
        except KeyboardInterrupt:
            made.interrupted = True
        finally:
            predicted.stop()
            read.stop()
            self._footage.close()
            if movie is not None and movie.close():
                made.files.append(self._folder / "annotated.mp4")
        if writer is not None:
            made.report = writer.finish()
            join([self._parts.path(0)], self._folder / "bag")
            made.files.append(self._folder / "bag")
        shutil.rmtree(self._parts.folder)
        return made

    def _predict(self, read: Stage[Shown]) -> Iterator[tuple[CameraFrame, Reading, Prediction]]:
        for shown in read:
            height, width = shown.image.shape[:2]
            camera = assumed_camera(self._engine.domain, width, height, self._wanted.fx)
            frame = Frame(shown.image, camera)
            reading = reading_for(self._engine, self._settings, frame)
            (prediction,) = self._engine.predict([frame], readings=[reading])
            header = self._messages.header(shown.time, FRAME_ID)
            yield CameraFrame(header, self._messages.plain_info(header, camera), frame), reading, prediction

    def _open(self, taken: CameraFrame, reading: Reading) -> PartWriter:
        topics = output_topics(self._wanted.job, (CameraTopics("", IMAGE_TOPIC, INFO_TOPIC),))
        kept = [self._topic(IMAGE_TOPIC, COMPRESSED_IMAGE), self._topic(INFO_TOPIC, CAMERA_INFO)]
        writer = PartWriter(self._parts, 0, [*kept], topics, self._store, compress=True)
        time = _time(taken.header)
        writer.made(0, CLASSES, time, self._maker.classes(reading, time))
        return writer

    def _topic(self, name: str, kind: str) -> Topic:
        definition, digest = self._store.generate_msgdef(kind, ros_version=2)[0], self._store.hash_rihs01(kind)
        return Topic(name, kind, definition, digest)

    def _write(self, writer: PartWriter, taken: CameraFrame, reading: Reading, prediction: Prediction) -> None:
        time = _time(taken.header)
        suffix, form, parameters = _FORMATS[self._wanted.pictures]
        _, data = cv2.imencode(suffix, cv2.cvtColor(taken.frame.image, cv2.COLOR_RGB2BGR), parameters)
        writer.recorded(0, time, self._messages.compressed_image(taken.header, form, bytes(data.data)))
        writer.recorded(1, time, self._messages.camera_info(taken.info))
        for output, message in self._maker.make(taken, prediction, reading):
            writer.made(0, output, time, message)
        writer.report.frames += 1

    def _draw(
        self, made: Made, movie: Movie | None, taken: CameraFrame, reading: Reading, prediction: Prediction
    ) -> None:
        told = meaning(reading.domain, self._settings["grouping"])
        if movie is not None:
            labelled = prediction.__class__(told.of(prediction.labels), prediction.depth, prediction.confidence)
            movie.add(annotated(taken.frame.image, labelled, told.published, reading.limits))
        if self._wanted.ply_every and made.frames % self._wanted.ply_every == 0:
            folder = self._folder / "ply"
            folder.mkdir(exist_ok=True)
            path = folder / f"{made.frames:06}.ply"
            write_ply(self._clouds.points(taken.frame, prediction, told), path)
            made.files.append(path)


def _time(header: Any) -> int:
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
