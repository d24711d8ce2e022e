# SPDX-License-Identifier: Apache-2.0
"""Which images of a recording are processed, with which camera_info, in which chunks."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from joint_perception.offline.bags.cameras import CameraTopics, find_cameras
from joint_perception.offline.bags.errors import BagError, NoCameraError
from joint_perception.offline.bags.job import Job
from joint_perception.offline.bags.outputs import output_topics
from joint_perception.offline.bags.recording import Recorded, Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PROBLEMS_KEPT = 100
_NO_INFO = "no_camera_info"
# Where a serialised message with a header has its stamp: after the 4 bytes that tell the byte order.
_STAMP = slice(4, 12)


class PlannedFrame(NamedTuple):
    """An image that is processed.

    Attributes:
        camera: Index in the plan's cameras.
        time: When it was recorded, nanoseconds.
        stamp: Its header's, nanoseconds.
        info: Index in the plan's infos.
    """

    camera: int
    time: int
    stamp: int
    info: int


class Chunk(NamedTuple):
    """Frames that are processed together, and the stretch of the recording that goes with them.

    Attributes:
        number: Place in the order.
        start: Messages recorded from here on, nanoseconds.
        stop: And before this.
        frames: In order of time.
    """

    number: int
    start: int
    stop: int
    frames: tuple[PlannedFrame, ...]


@dataclass(frozen=True)
class Plan:
    """All that is needed to process any chunk anywhere; goes through JSON.

    Attributes:
        path: The recording.
        damaged: Whether it must be read around damage.
        job: What is to be made of it.
        cameras: Those that are processed.
        infos: Their camera_infos without the stamp, CDR in base64; each once.
        chunks: In order of time.
        skipped: Images that are not processed, by cause.
        problems: What was wrong with them, or with the file; the first hundred.
        messages: Messages in the stretch.
        notes: What the user should know of, though nothing is wrong.
    """

    path: str
    damaged: bool
    job: Job
    cameras: tuple[CameraTopics, ...]
    infos: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    messages: int = 0
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Number of frames."""
        return sum(len(chunk.frames) for chunk in self.chunks)

    def info(self, index: int) -> bytes:
        """A camera_info, CDR, with stamp 0."""
        return base64.b64decode(self.infos[index])

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"chunks": [[*chunk[:3], chunk.frames] for chunk in self.chunks]}

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Plan:
        """From `to_dict`, JSON between."""
        chunks = tuple(
            Chunk(number, start, stop, tuple(PlannedFrame(*frame) for frame in frames))
            for number, start, stop, frames in found["chunks"]
        )
        cameras = tuple(CameraTopics(**camera) for camera in found["cameras"])
        given = {"job": Job.from_dict(found["job"]), "cameras": cameras, "chunks": chunks}
        return cls(**(found | given | {name: tuple(found[name]) for name in ("infos", "problems", "notes")}))


def make_plan(path: Path, job: Job, progress: Callable[[int], object] | None = None) -> Plan:
    """Read through a recording once.

    Args:
        path: The recording.
        job: What is to be made of it.
        progress: Gets the bytes read since it was last called.

    Raises:
        BagError: It cannot be read, has no cameras, or none of their images can be processed.
    """
    problems: list[str] = []
    for damaged in (False, True):
        with Recording(path, damaged=damaged) as recording:
            try:
                planner = _Planner(recording, job)
                planner.read(progress)
            except BagError as error:
                if damaged or isinstance(error, NoCameraError):
                    raise
                problems.append(str(error))
                continue
            return planner.plan([*problems, *recording.problems])
    raise AssertionError


class _Planner:
    def __init__(self, recording: Recording, job: Job) -> None:
        self._recording, self._job = recording, job
        self._cameras = find_cameras(recording, job)
        self._infos: dict[bytes, int] = {}
        self._images: list[tuple[int, int, int]] = []  # camera, time, stamp
        self._by_stamp: list[dict[int, int]] = [{} for _ in self._cameras]
        self._by_time: list[list[tuple[int, int]]] = [[] for _ in self._cameras]
        self._skipped: Counter[str] = Counter()
        self._problems: list[str] = []
        self._seen = [0] * len(self._cameras)
        self._messages = 0
        self._start: int | None = None
        self._first = self._last = 0

    def read(self, progress: Callable[[int], object] | None) -> None:
        images = {camera.image: i for i, camera in enumerate(self._cameras)}
        infos: dict[str, list[int]] = {}
        for i, camera in enumerate(self._cameras):
            infos.setdefault(camera.info, []).append(i)
        names = [topic.name for topic in self._recording.topics]
        for message in self._recording.messages():
            if progress is not None:
                progress(len(message.data))
            if self._start is None:
                self._start = message.time
                self._first = self._start + round(self._job.start * 1e9)
            self._last = message.time
            name = names[message.topic]
            if name in infos:  # those outside the stretch may have a partner inside
                self._add_info(message, infos[name])
            if self._first <= message.time < self._stop():
                self._messages += 1
                if name in images:
                    self._add_image(message, images[name])

    def _stop(self) -> int:
        end = self._job.end
        return 1 << 63 if end is None or self._start is None else self._start + round(end * 1e9)

    def _add_info(self, message: Recorded, cameras: list[int]) -> None:
        try:
            info = self._recording.decode(message)
        except BagError as error:
            self._problem(message, str(error))
            return
        plain = bytearray(message.data)
        plain[_STAMP] = bytes(8)
        index = self._infos.setdefault(bytes(plain), len(self._infos))
        for camera in cameras:
            self._by_stamp[camera][stamp_of(info)] = index
            self._by_time[camera].append((message.time, index))

    def _add_image(self, message: Recorded, camera: int) -> None:
        self._seen[camera] += 1
        if (self._seen[camera] - 1) % self._job.every:
            return
        try:
            image = self._recording.decode(message)
        except BagError as error:
            self._skipped["corrupt"] += 1
            self._problem(message, str(error))
            return
        self._images.append((camera, message.time, stamp_of(image)))

    def _problem(self, message: Recorded, reason: str) -> None:
        topic = self._recording.topics[message.topic].name
        self._problems.append(f"{topic} at {message.time * 1e-9:.6f}: {reason}")

    def plan(self, problems: list[str]) -> Plan:
        frames = []
        for camera, time, stamp in self._images:
            info = self._info_of(camera, time, stamp)
            if info is None:
                self._skipped[_NO_INFO] += 1
            else:
                frames.append(PlannedFrame(camera, time, stamp, info))
        if missing := self._skipped[_NO_INFO]:
            topics = ", ".join(sorted({camera.info for camera in self._cameras}))
            how = "of their stamp" if self._job.pairing == "exact" else "at all"
            hint = "; try --pairing latest, or --camera-info IMAGE=INFO" if self._job.pairing == "exact" else ""
            self._problems.append(f"{missing} images have no camera_info {how} on {topics}{hint}")
        problems = [*problems, *self._problems]
        if not frames:
            told = "\n".join(problems[:10])
            names = ", ".join(camera.image for camera in self._cameras)
            raise BagError(f"{self._recording.path} has no image on {names} that can be processed\n{told}".rstrip())
        return Plan(
            str(self._recording.path),
            self._recording.damaged,
            self._job,
            self._cameras,
            tuple(base64.b64encode(info).decode() for info in self._infos),
            self._chunks(frames),
            dict(+self._skipped),
            tuple(problems[:_PROBLEMS_KEPT]),
            self._messages,
            self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        if not self._job.originals:
            return ()
        ours = {topic.name for topic in output_topics(self._job, self._cameras)}
        replaced = [topic.name for topic in self._recording.topics if topic.name in ours]
        unknown = [
            f"{topic.name} ({topic.kind})"
            for topic in self._recording.topics
            if topic.name not in ours and not (topic.definition and topic.digest)
        ]
        notes = []
        if replaced:
            notes.append(f"recorded messages are replaced on {', '.join(replaced)}; --node-name keeps them")
        if unknown:
            notes.append(f"left out, since the recording does not define their types: {', '.join(unknown)}")
        return tuple(notes)

    def _info_of(self, camera: int, time: int, stamp: int) -> int | None:
        if self._job.pairing == "exact":
            return self._by_stamp[camera].get(stamp)
        known = self._by_time[camera]
        newest = bisect_right(known, (time, len(self._infos))) - 1
        return known[max(newest, 0)][1] if known else None

    def _chunks(self, frames: list[PlannedFrame]) -> tuple[Chunk, ...]:
        parts: list[list[PlannedFrame]] = [[]]
        for frame in frames:
            # Never between frames of one time: chunks are told apart by it.
            if len(parts[-1]) >= self._job.chunk and parts[-1][-1].time < frame.time:
                parts.append([])
            parts[-1].append(frame)
        borders = [self._first, *(part[0].time for part in parts[1:]), min(self._stop(), self._last + 1)]
        return tuple(Chunk(i, borders[i], borders[i + 1], tuple(part)) for i, part in enumerate(parts))


def stamp_of(message: Any) -> int:
    """The stamp of a message's header in nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
