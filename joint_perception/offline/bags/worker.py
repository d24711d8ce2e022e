# SPDX-License-Identifier: Apache-2.0
"""Processes chunks of a plan: reading, the network and writing go on at the same time."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from joint_perception.offline.bags.errors import BagError
from joint_perception.offline.bags.message_types import CAMERA_INFO, Messages
from joint_perception.offline.bags.outputs import CLASSES, OutputMaker, output_topics
from joint_perception.offline.bags.parts import PartReport, Parts, PartWriter
from joint_perception.offline.bags.plan import PlannedFrame, stamp_of
from joint_perception.offline.bags.recording import Recorded, Recording
from joint_perception.offline.bags.stages import Stage
from joint_perception.pipeline.camera_frame import CameraFrame, FrameMaker, Pair
from joint_perception.pipeline.errors import FrameError
from joint_perception.pipeline.readings import reading_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Self

    from joint_perception.engine import Engine, Prediction, Reading
    from joint_perception.offline.bags.plan import Chunk, Plan

_WAITING = 2  # batches between two stages
_BATCH_BYTES = 64 << 20  # of recorded messages, after which a batch goes on without being full
_OUTPUT_THREADS = 4


class _Item(NamedTuple):
    """A recorded message; with it, where it is an image of the plan, the frame or what is wrong with it."""

    message: Recorded
    planned: PlannedFrame | None = None
    taken: CameraFrame | None = None
    error: FrameError | None = None


class _Batch(NamedTuple):
    """Messages in order of time; with them, after the network, what it said of their frames."""

    chunk: Chunk
    items: list[_Item]
    last: bool
    predictions: list[tuple[Reading, Prediction | None]]
    error: str = ""


"""Why the frames have no predictions."""


class ChunkWorker:
    """Does the chunks of a plan, any of them, in any order; what a chunk becomes depends on nothing but the plan.

    Args:
        plan: The plan.
        engine: The network.
        parts: Where the finished chunks go.
        compress: Whether they are compressed.
    """

    def __init__(self, plan: Plan, engine: Engine, parts: Parts, *, compress: bool = True) -> None:
        self._plan, self._engine, self._parts, self._compress = plan, engine, parts, compress
        self._job = plan.job
        self._recording = Recording(Path(plan.path), damaged=plan.damaged)
        store = self._recording.store
        self._messages = Messages(store)
        self._maker = OutputMaker(plan.job, self._messages)
        self._outputs = output_topics(plan.job, plan.cameras)
        self._kept = kept_topics(plan, self._recording)
        self._infos: dict[int, Any] = {}
        self._warnings: list[str] = []
        self._makers = [FrameMaker(plan.job.settings, self, camera.image, camera.info) for camera in plan.cameras]
        self._pool = ThreadPoolExecutor(_OUTPUT_THREADS, "outputs")

    def __enter__(self) -> Self:
        """The worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the recording."""
        self._pool.shutdown()
        self._recording.__exit__(None, None, None)

    def warning(self, text: str) -> None:
        """Take note of what a frame maker warns of."""
        self._warnings.append(text)

    def run(self, chunks: Iterable[Chunk], progress: Callable[[int], object] | None = None) -> Iterator[PartReport]:
        """Process chunks.

        Args:
            chunks: Those to do.
            progress: Gets the number of frames that are done since it was last called.

        Yields:
            A report on each chunk, when its part is finished.

        Raises:
            BagError: The recording cannot be read again, or a part not be written.
        """
        read = Stage("reader", self._read(chunks), _WAITING)
        predicted = Stage("network", (self._predict(batch) for batch in read), _WAITING)
        try:
            yield from self._write(predicted, progress or (lambda _: None))
        finally:
            predicted.stop()
            read.stop()

    # --- reading -------------------------------------------------------------------------------------

    def _read(self, chunks: Iterable[Chunk]) -> Iterator[_Batch]:
        names = [topic.name for topic in self._recording.topics]
        cameras = {camera.image: i for i, camera in enumerate(self._plan.cameras)}
        for chunk in chunks:
            waiting: dict[tuple[int, int, int], list[PlannedFrame]] = defaultdict(list)
            for planned in chunk.frames:
                waiting[planned[:3]].append(planned)
            items: list[_Item] = []
            frames = size = 0
            for message in self._recording.messages(chunk.start, chunk.stop):
                camera = cameras.get(names[message.topic])
                item = _Item(message)
                if camera is not None:
                    item = self._take(camera, message, waiting)
                    frames += item.taken is not None
                items.append(item)
                size += len(message.data)
                if frames == self._job.batch or size > _BATCH_BYTES:
                    yield _Batch(chunk, items, last=False, predictions=[])
                    items, frames, size = [], 0, 0
            if lost := sum(map(len, waiting.values())):
                raise BagError(f"{self._plan.path} lacks {lost} images that the plan has; it was changed meanwhile")
            yield _Batch(chunk, items, last=True, predictions=[])

    def _take(self, camera: int, message: Recorded, waiting: dict[tuple[int, int, int], list[PlannedFrame]]) -> _Item:
        try:
            image = self._recording.decode(message)
        except BagError:
            return _Item(message)  # the plan has counted it
        found = waiting.get((camera, message.time, stamp_of(image)))
        if not found:
            return _Item(message)
        planned = found.pop()
        try:
            taken = self._makers[camera](Pair(image, self._info(planned, image)))
        except FrameError as error:
            return _Item(message, planned, error=error)
        return _Item(message, planned, taken)

    def _info(self, planned: PlannedFrame, image: Any) -> Any:
        if planned.info not in self._infos:
            self._infos[planned.info] = self._plan.info(planned.info)
        info: Any = self._recording.store.deserialize_cdr(self._infos[planned.info], CAMERA_INFO)
        info.header.stamp = image.header.stamp
        return info

    # --- the network ---------------------------------------------------------------------------------

    def _predict(self, batch: _Batch) -> _Batch:
        taken = [item.taken for item in batch.items if item.taken is not None]
        if not taken:
            return batch
        settings, engine = self._job.settings, self._engine
        readings = [reading_for(engine, settings, one.frame) for one in taken]
        if not self._maker.needs_network:
            return batch._replace(predictions=[(reading, None) for reading in readings])
        try:
            predictions = engine.predict([one.frame for one in taken], readings=readings, wanted=self._maker.wanted)
        except (RuntimeError, ValueError):
            return self._predict_one_by_one(batch)
        return batch._replace(predictions=list(zip(readings, predictions, strict=True)))

    def _predict_one_by_one(self, batch: _Batch) -> _Batch:
        items: list[_Item] = []
        predictions: list[tuple[Reading, Prediction | None]] = []
        for item in batch.items:
            if item.taken is None:
                items.append(item)
                continue
            reading = reading_for(self._engine, self._job.settings, item.taken.frame)
            try:
                (prediction,) = self._engine.predict([item.taken.frame], readings=[reading], wanted=self._maker.wanted)
            except (RuntimeError, ValueError) as error:
                cause = FrameError("engine_error", f"{type(error).__name__}: {error}")
                items.append(item._replace(taken=None, error=cause))
            else:
                items.append(item)
                predictions.append((reading, prediction))
        return batch._replace(items=items, predictions=predictions)

    # --- writing -------------------------------------------------------------------------------------

    def _write(self, batches: Iterable[_Batch], progress: Callable[[int], object]) -> Iterator[PartReport]:
        writer: PartWriter | None = None
        try:
            for batch in batches:
                if writer is None:
                    writer = self._open(batch.chunk)
                self._write_batch(writer, batch, progress)
                if batch.last:
                    report, writer = writer.finish(), None
                    yield report
        finally:
            if writer is not None:
                writer.abort()

    def _open(self, chunk: Chunk) -> PartWriter:
        store = self._recording.store
        writer = PartWriter(self._parts, chunk.number, self._kept, self._outputs, store, compress=self._compress)
        if chunk.number == 0:
            reading = self._engine.reading(self._job.settings["domain"] or None)
            for camera in range(len(self._plan.cameras)):
                writer.made(camera, CLASSES, chunk.start, self._maker.classes(reading, chunk.start))
        return writer

    def _write_batch(self, writer: PartWriter, batch: _Batch, progress: Callable[[int], object]) -> None:
        taken = [item.taken for item in batch.items if item.taken is not None]
        pairs = zip(taken, batch.predictions, strict=True)
        made = self._pool.map(lambda pair: list(self._maker.make(pair[0], pair[1][1], pair[1][0])), pairs)
        for item in batch.items:
            time = item.message.time
            writer.recorded(item.message.topic, time, item.message.data)
            if item.planned is None:
                continue
            if item.error is not None:
                name = self._plan.cameras[item.planned.camera].image
                writer.report.skip(item.error.cause, f"{name} at {time * 1e-9:.6f}: {item.error}")
            else:
                for output, data in next(made):
                    writer.made(item.planned.camera, output, time, data)
                writer.report.frames += 1
            progress(1)


def kept_topics(plan: Plan, recording: Recording) -> list[Any]:
    """The recorded topics that go into the new bag; None for those that do not.

    Left out are those that the outputs replace, and those of a type nobody knows the definition of.
    """
    if not plan.job.originals:
        return [None] * len(recording.topics)
    ours = {topic.name for topic in output_topics(plan.job, plan.cameras)}
    return [
        topic if topic.name not in ours and topic.definition and topic.digest else None for topic in recording.topics
    ]
