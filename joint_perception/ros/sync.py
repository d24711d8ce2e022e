# SPDX-License-Identifier: Apache-2.0
"""Sets of images of several cameras, taken at about the same time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from joint_perception.ros.optional import nanoseconds, present

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    SetCallback = Callable[[Sequence[Any]], None]


class Synchronizer(Protocol):
    """Joins one item of each camera into a set, where their stamps lie close enough."""

    def add(self, index: int, item: Any) -> None:
        """Take an item, which has a header, of the camera of that index; calls back where it completes a set."""


def make_synchronizer(cameras: int, queue_size: int, slop: float, callback: SetCallback) -> Synchronizer:
    """message_filters.ApproximateTimeSynchronizer where it is present, else what does the same.

    Args:
        cameras: How many make a set.
        queue_size: Items of each camera that wait; above it the oldest goes.
        slop: Greatest difference in seconds between the stamps of a set.
        callback: Gets each set, in the cameras' order. It must not raise.
    """
    if present("message_filters"):
        return _MessageFiltersSynchronizer(cameras, queue_size, slop, callback)
    return ApproximateSynchronizer(cameras, queue_size, slop, callback)


class _MessageFiltersSynchronizer:
    """message_filters', fed by hand with whatever has a header."""

    def __init__(self, cameras: int, queue_size: int, slop: float, callback: SetCallback) -> None:
        from message_filters import ApproximateTimeSynchronizer, SimpleFilter  # noqa: PLC0415

        self._filters = [SimpleFilter() for _ in range(cameras)]
        self._synchronizer = ApproximateTimeSynchronizer(self._filters, queue_size, slop)
        self._synchronizer.registerCallback(lambda *items: callback(items))

    def add(self, index: int, item: Any) -> None:
        if item.header.stamp.sec >= 0:  # else it would raise in there, and leave its lock held
            self._filters[index].signalMessage(item)


class ApproximateSynchronizer:
    """Each new item is joined with the nearest of every other camera, where all stamps lie closer than the slop.

    Args:
        cameras: How many make a set.
        queue_size: Items of each camera that wait; above it the earliest stamp goes.
        slop: Greatest difference in seconds between the stamps of a set.
        callback: Gets each set, in the cameras' order.
    """

    def __init__(self, cameras: int, queue_size: int, slop: float, callback: SetCallback) -> None:
        self._queues: list[OrderedDict[int, Any]] = [OrderedDict() for _ in range(cameras)]
        self._queue_size, self._slop, self._callback = queue_size, round(slop * 1e9), callback

    def add(self, index: int, item: Any) -> None:
        """Take an item; calls back where it completes a set. A stamp before 1970 belongs to none."""
        stamp = nanoseconds(item.header.stamp)
        if stamp < 0:
            return
        queue = self._queues[index]
        queue[stamp] = item
        while len(queue) > self._queue_size:
            del queue[min(queue)]
        if stamp not in queue or not all(self._queues):
            return
        nearest = [stamp if q is queue else min(q, key=lambda other: abs(other - stamp)) for q in self._queues]
        if max(nearest) - min(nearest) < self._slop:  # message_filters leaves the slop itself out
            self._callback([q.pop(t) for q, t in zip(self._queues, nearest, strict=True)])
