# SPDX-License-Identifier: Apache-2.0
"""The cameras of a node: the newest images of all of them, as one set."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from joint_perception.ros.optional import nanoseconds
from joint_perception.ros.sync import make_synchronizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joint_perception.pipeline.camera_frame import Pair
    from joint_perception.ros.statistics import Statistics


class NewestOfEach:
    """Free-running: keeps the newest pair of each camera; one that comes before it was taken replaces it.

    Args:
        statistics: One for each camera; count what was replaced.
        on_new: Called, from the executor, whenever there is something to take.
    """

    def __init__(self, statistics: Sequence[Statistics], on_new: Callable[[], None]) -> None:
        self._statistics, self._on_new = statistics, on_new
        self._lock = threading.Lock()
        self._newest: dict[int, Pair] = {}

    def add(self, index: int, pair: Pair) -> None:
        """Take a pair of the camera of that index."""
        self.replace({index: pair})

    def replace(self, pairs: dict[int, Pair]) -> None:
        """Let pairs take the place of those that still wait."""
        with self._lock:
            superseded = [index for index in pairs if index in self._newest]
            self._newest.update(pairs)
        for index in superseded:
            self._statistics[index].dropped("superseded", "a newer image arrived before the engine was free")
        self._on_new()

    def take(self) -> dict[int, Pair]:
        """What came since the last call, by the camera's index."""
        with self._lock:
            newest, self._newest = self._newest, {}
        return newest


class NewestSet:
    """Keeps the newest set of pairs, one of each camera, whose stamps lie close together.

    Args:
        statistics: One for each camera; count what was replaced, or is in no set.
        on_new: Called, from the executor, whenever there is something to take.
        queue_size: Pairs of each camera that wait for a set.
        slop: Greatest difference in seconds between the stamps of a set.
    """

    def __init__(
        self, statistics: Sequence[Statistics], on_new: Callable[[], None], queue_size: int, slop: float
    ) -> None:
        self._statistics, self._queue_size, self._slop = statistics, queue_size, slop
        self._newest = NewestOfEach(statistics, on_new)
        self._reset()

    def add(self, index: int, pair: Pair) -> None:
        """Take a pair of the camera of that index."""
        waiting, stamp = self._waiting[index], nanoseconds(pair.header.stamp)
        if waiting and stamp < next(reversed(waiting)):  # time went back: what waits would push out what comes
            for camera, left in enumerate(self._waiting):
                for _ in left:
                    self._alone(camera)
            self._reset()
            waiting = self._waiting[index]
        waiting[stamp] = None
        self._synchronizer.add(index, pair)
        while len(waiting) > self._queue_size:
            waiting.popitem(last=False)
            self._alone(index)

    def take(self) -> dict[int, Pair]:
        """The newest set, once; empty when there is none since the last call."""
        return self._newest.take()

    def _reset(self) -> None:
        cameras = len(self._statistics)
        # Stamps that wait; with them, those that found no set can be counted.
        self._waiting: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(cameras)]
        self._synchronizer = make_synchronizer(cameras, self._queue_size, self._slop, self._on_set)

    def _on_set(self, pairs: Sequence[Pair]) -> None:
        for waiting, pair in zip(self._waiting, pairs, strict=True):
            waiting.pop(nanoseconds(pair.header.stamp), None)
        self._newest.replace(dict(enumerate(pairs)))

    def _alone(self, index: int) -> None:
        self._statistics[index].dropped(
            "unsynchronized",
            f"the other cameras had no image within sync.slop = {self._slop} s of this one's; let them be triggered "
            "together, raise sync.slop, or set sync.mode to free",
        )
