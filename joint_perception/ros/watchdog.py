# SPDX-License-Identifier: Apache-2.0
"""Watches a thread that could get stuck: what it is at, since when, and how it is given up.

A thread of Python cannot be killed. One that is stuck is abandoned: the frames it has in hand are counted as dropped,
and if it ever comes back it ends at the next stage, or the next message, without publishing anything.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_LOCAL = threading.local()
# The stage of loading weights, and how many times as long as any other it may take: a runtime may compile them first.
LOAD = "load"
_LOAD_PATIENCE = 10


class AbandonedError(BaseException):
    """Ends a thread that was given up; not an Exception, for nobody to take it for a bad frame."""


@dataclass(frozen=True)
class Stall:
    """A thread that does not get on.

    Attributes:
        stage: Where it is stuck.
        seconds: For how long.
    """

    stage: str
    seconds: float


class Progress(Generic[T]):
    """What a thread is at. It writes, the watchdog reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._abandoned = False
        self._at: tuple[str, float] | None = None
        self._in_hand: list[T] = []

    def bind(self) -> None:
        """Make this the progress of the calling thread, for `check_wanted`."""
        _LOCAL.progress = self

    def check(self) -> None:
        """End the thread if it was given up.

        Raises:
            AbandonedError: It was.
        """
        if self._abandoned:
            raise AbandonedError

    def enter(self, stage: str) -> None:
        """Say that a stage begins, or is done; raises as `check`."""
        self.check()
        self._at = (stage, time.monotonic())

    def rest(self) -> None:
        """Say that there is nothing to do; raises as `check`."""
        with self._lock:
            self.check()
            self._at = None
            self._in_hand.clear()

    def take(self, items: list[T]) -> None:
        """Say what is in hand from now on; raises as `check`."""
        with self._lock:
            self.check()
            self._in_hand = list(items)

    def settle(self, item: T) -> None:
        """Say that one of them is no longer: its fate is about to be counted; raises as `check`."""
        with self._lock:
            self.check()
            if item in self._in_hand:
                self._in_hand.remove(item)

    def stall(self, timeout: float) -> Stall | None:
        """Where the thread is stuck: longer in one stage than so many seconds, or ten times that to load weights."""
        at = self._at
        if at is None or self._abandoned:
            return None
        stage, since = at
        seconds = time.monotonic() - since
        return Stall(stage, seconds) if seconds > timeout * (_LOAD_PATIENCE if stage == LOAD else 1) else None

    def abandon(self) -> list[T]:
        """Give the thread up.

        Returns:
            What it had in hand; nobody but the caller counts these.
        """
        with self._lock:
            self._abandoned = True
            left, self._in_hand = self._in_hand, []
            return left


def check_wanted() -> None:
    """End the calling thread if it was given up; any other goes on.

    Raises:
        AbandonedError: It was.
    """
    progress: Progress[object] | None = getattr(_LOCAL, "progress", None)
    if progress is not None:
        progress.check()
