# SPDX-License-Identifier: Apache-2.0
"""How the cost of a frame grows: with its size, with the number of cameras, with the topics that are subscribed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joint_perception.benchmark.end_to_end import EndToEnd
from joint_perception.benchmark.rig import TOPICS, Rig
from joint_perception.benchmark.stills import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joint_perception.benchmark.stills import Size, Stills
    from joint_perception.benchmark.variants import Variant

SIZES: tuple[Size, ...] = ((160, 120), (320, 240), (640, 480), (1280, 720), (1920, 1080))
CAMERAS = (1, 2, 4, 8)
# In the order in which they are subscribed to. The last two are not waited for: ~/classes is latched, and ~/stats, from
# which the stages are read, is heard in any case.
ALL_TOPICS = {
    "label": "Image",
    "depth": "Image",
    "points": "PointCloud2",
    "label_color": "Image",
    "overlay": "Image",
    "confidence": "Image",
    "normals": "Image",
    "obstacles": "PointCloud2",
    "image_rect": "Image",
    "camera_info": "CameraInfo",
    "classes": "ClassMap",
    "stats": "PerceptionStats",
}


class Growth:
    """Collects what frames cost as one thing after the other grows.

    Args:
        variant: Whose node is measured.
        weights: Name or path.
        stills: The pictures.
        base: Size of the pictures where cameras or topics grow.
        frames: Frames of each point that count.
    """

    def __init__(self, variant: Variant, weights: str, stills: Stills, base: Size, frames: int) -> None:
        self._variant, self._weights, self._stills = variant, weights, stills
        self._base, self._frames = base, frames
        self.results: dict[str, dict[str, Any]] = {"size": {}, "cameras": {}, "topics": {}}

    def run(
        self, sizes: Sequence[Size] = SIZES, cameras: Sequence[int] = CAMERAS, topics: int = len(ALL_TOPICS)
    ) -> Iterator[str]:
        """Measure; says before each point what comes next."""
        for size in sizes:
            if size != self._base:
                self._stills.scaled(size, self._base)
        with Rig([self._variant], self._stills.files([*sizes, self._base]), self._weights) as rig:
            for size in sizes:
                yield f"size {name_of(size)}"
                self.results["size"][name_of(size)] = self._point(rig, name_of(size))
            for count in range(1, topics + 1):
                yield f"{count} topics"
                subscribed = dict(list(ALL_TOPICS.items())[:count])
                rig.subscribe(self._variant.name, subscribed)
                self.results["topics"][str(count)] = self._point(rig, name_of(self._base)) | {"last": [*subscribed][-1]}
        for count in cameras:
            yield f"{count} cameras"
            names = [""] if count == 1 else [f"camera{i}" for i in range(count)]
            files = self._stills.files([self._base])
            with Rig([self._variant], files, self._weights, names, topics=TOPICS) as rig:
                self.results["cameras"][str(count)] = self._point(rig, name_of(self._base))

    @staticmethod
    def points() -> int:
        """How many points `run` has."""
        return len(SIZES) + len(ALL_TOPICS) + len(CAMERAS)

    def _point(self, rig: Rig, size: str) -> dict[str, Any]:
        measured = EndToEnd(rig, [size], [self._variant.name])
        for _ in measured.round(self._frames):
            pass
        return measured.results()[size][self._variant.name]
