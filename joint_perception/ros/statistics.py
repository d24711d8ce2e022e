# SPDX-License-Identifier: Apache-2.0
"""What became of the frames: counted, and reported without flooding the log."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from joint_perception.msg import PerceptionStats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from std_msgs.msg import Header

_REPORT_PERIOD_S = 5.0

# Causes that are how things should be, or the camera's pace: counted, not complained of.
QUIET_CAUSES = ("superseded", "no_subscribers")


class Statistics:
    """Counts frames in, out and dropped by cause. Thread-safe.

    Args:
        logger: Gets an error when a cause occurs, at most once in five seconds for each cause.
    """

    def __init__(self, logger: Any) -> None:
        self._logger, self._lock = logger, threading.Lock()
        self._reported: dict[str, tuple[float, int]] = {}
        self.reset()

    def reset(self) -> None:
        """Begin anew, as at each activation."""
        with self._lock:
            self._in = self._out = 0
            self._dropped: Counter[str] = Counter()
            self._stages: dict[str, float] = {}
            self._latency = math.nan
            self._header: Header | None = None
            self._reported.clear()

    @property
    def frames_out(self) -> int:
        """Frames published since activation."""
        return self._out

    def received(self) -> None:
        """Count an image that arrived."""
        with self._lock:
            self._in += 1

    def dropped(self, cause: str, reason: str) -> None:
        """Count an image that gives no output, and say why."""
        with self._lock:
            self._dropped[cause] += 1
            count = self._dropped[cause]
            now = time.monotonic()
            last, reported = self._reported.get(cause, (-math.inf, 0))
            if cause in QUIET_CAUSES or now - last < _REPORT_PERIOD_S:
                return
            self._reported[cause] = (now, count)
        since = f" ({count - reported} frames since the last report)" if count - reported > 1 else ""
        self._logger.error(f"frame skipped, {cause}: {reason}{since}")

    def published(self, header: Header, seconds: Mapping[str, float], latency: float) -> None:
        """Count an image whose outputs are out.

        Args:
            header: The image's.
            seconds: Time in each stage.
            latency: Seconds from the image's stamp to now; NaN when unknown.
        """
        with self._lock:
            self._out += 1
            self._header, self._stages, self._latency = header, dict(seconds), latency

    def message(self) -> PerceptionStats:
        """The present state as a message."""
        with self._lock:
            message = PerceptionStats(
                frames_in=self._in,
                frames_out=self._out,
                frames_dropped=sum(self._dropped.values()),
                drop_causes=list(self._dropped),
                drop_counts=list(self._dropped.values()),
                stages=list(self._stages),
                stage_milliseconds=[1e3 * s for s in self._stages.values()],
                latency_milliseconds=1e3 * self._latency,
            )
            if self._header is not None:
                message.header = self._header
            return message
