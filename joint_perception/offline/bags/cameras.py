# SPDX-License-Identifier: Apache-2.0
"""The cameras of a recording: which topics have colour images, and where their camera_info is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joint_perception.offline.bags.errors import BagError, NoCameraError
from joint_perception.offline.bags.message_types import CAMERA_INFO, CLASS_MAP, COMPRESSED_IMAGE, IMAGE
from joint_perception.pipeline.compressed import SUFFIX
from joint_perception.pipeline.images import ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from joint_perception.offline.bags.job import Job
    from joint_perception.offline.bags.recording import Recording

# One channel: a label image as likely as a grey camera. They are processed when they are named.
_GREY = ("mono8", "mono16", "8UC1")
_LOOKED_AT = 2000  # messages, in which each camera shows up


@dataclass(frozen=True)
class CameraTopics:
    """A camera of a recording.

    Attributes:
        name: Its outputs are in this namespace; empty: it is the only one.
        image: Topic of its images.
        info: Topic of their camera_info.
    """

    name: str
    image: str
    info: str


def find_cameras(recording: Recording, job: Job) -> tuple[CameraTopics, ...]:
    """The cameras that are to be processed.

    Raises:
        BagError: There are none, or a topic that was named does not exist or has no images.
    """
    kinds = {topic.name: topic.kind for topic in recording.topics}
    images = [name for name, kind in kinds.items() if kind in (IMAGE, COMPRESSED_IMAGE)]
    for name in job.topics:
        if name not in images:
            found = ", ".join(images) or "none"
            what = f"is {kinds[name]}" if name in kinds else "is not in the recording"
            raise NoCameraError(f"topic {name!r} {what}; its image topics are: {found}")
    chosen = list(job.topics) or _colour_topics(recording, images, job.node)
    if not chosen:
        found = ", ".join(f"{name} ({kind})" for name, kind in kinds.items()) or "none"
        raise NoCameraError(
            f"{recording.path} has no colour camera; name image topics with --topics. Its topics: {found}"
        )
    infos = [name for name, kind in kinds.items() if kind == CAMERA_INFO]
    pairs = [(image, job.infos.get(image) or _info_topic(image, infos)) for image in chosen]
    for image, info in pairs:
        if info not in infos:
            raise NoCameraError(
                f"topic {image!r} has no camera_info on {info!r}; name its topic with --camera-info {image}=TOPIC. "
                f"There are: {', '.join(infos) or 'none'}"
            )
    names = camera_names(chosen)
    return tuple(CameraTopics(name, *pair) for name, pair in zip(names, pairs, strict=True))


def camera_names(topics: Sequence[str]) -> list[str]:
    """Short names for the cameras of these image topics: the parts in which the topics differ; empty for one alone.

    `/front/camera/image` and `/rear/camera/image` are `front` and `rear`.
    """
    if len(topics) == 1:
        return [""]
    parts = [topic.removesuffix(SUFFIX).strip("/").split("/") for topic in topics]
    shortest = min(map(len, parts))
    same = [len({tuple(one[:n]) for one in parts}) == 1 for n in range(shortest + 1)]
    first = max(n for n in range(shortest + 1) if same[n])
    tails = [[*reversed(one[first:])] for one in parts]
    same = [len({tuple(one[:n]) for one in tails}) == 1 for n in range(min(map(len, tails)) + 1)]
    last = max(n for n in range(len(same)) if same[n])
    names = ["_".join(one[first : len(one) - last]) or one[-1] for one in parts]
    names = ["".join(c if c.isalnum() else "_" for c in name) for name in names]
    return names if len(set(names)) == len(names) else [f"camera{i}" for i in range(len(topics))]


def _info_topic(image: str, infos: Sequence[str]) -> str:
    base = image.removesuffix(SUFFIX).rpartition("/")[0]
    beside = f"{base}/camera_info"
    # A driver that has one camera and says so beside none of its images.
    return infos[0] if beside not in infos and len(infos) == 1 else beside


def _colour_topics(recording: Recording, topics: Iterable[str], node: str) -> list[str]:
    first: dict[str, Any] = {}
    # Outputs of perception nodes, whatever they are called, are no cameras.
    outputs = [f"{one.name.rpartition('/')[0]}/" for one in recording.topics if one.kind == CLASS_MAP]
    wanted = {name for name in topics if not name.startswith((f"/{node}/", *outputs))}
    for count, message in enumerate(recording.messages()):
        name = recording.topics[message.topic].name
        if name in wanted and name not in first:
            try:
                first[name] = recording.decode(message)
            except BagError:
                continue  # the next may be whole
        if first.keys() == wanted or count > _LOOKED_AT:
            break
    found = [name for name in topics if name in first and _is_colour(first[name])]
    # The same pictures twice, as they are and compressed.
    return [name for name in found if not (name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in found)]


def _is_colour(message: Any) -> bool:
    if hasattr(message, "encoding"):
        return message.encoding in ENCODINGS and message.encoding not in _GREY
    described = message.format.split(";")[0].strip()
    return "compressedDepth" not in message.format and described not in _GREY
