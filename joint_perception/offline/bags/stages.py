# SPDX-License-Identifier: Apache-2.0
"""A step of a pipeline in a thread of its own, with a bounded queue behind it."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")
_POLL_S = 0.2


class Stage(Generic[T]):
    """Runs through a source in a thread, at most so many items ahead of who takes them.

    Args:
        name: The thread's.
        source: Is gone through in the thread; what it raises is raised where the items are taken.
        ahead: Items that wait.
    """

    def __init__(self, name: str, source: Iterable[T], ahead: int) -> None:
        self._source = source
        self._queue: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        """The items, in order.

        Raises:
            BaseException: What the source raised.
        """
        while True:
            item, error, at_end = self._take()
            if error is not None:
                raise error
            if at_end:
                return
            yield item  # type: ignore[misc]

    def stop(self) -> None:
        """End the thread; whatever waits is thrown away."""
        self._stopped.set()
        self._thread.join()

    def _take(self) -> tuple[T | None, BaseException | None, bool]:
        while not (self._stopped.is_set() and self._queue.empty()):
            with suppress(queue.Empty):
                return self._queue.get(timeout=_POLL_S)
        return None, None, True

    def _put(self, entry: tuple[T | None, BaseException | None, bool]) -> bool:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._queue.put(entry, timeout=_POLL_S)
                return True
        return False

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._put((item, None, False)):
                    return
        except BaseException as error:  # noqa: BLE001 (it is raised on the other side)
            self._put((None, error, True))
        else:
            self._put((None, None, True))
