# SPDX-License-Identifier: Apache-2.0
"""What became of the frames: counted, and reported without flooding the log."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joint_perception.msg import PerceptionStats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from std_msgs.msg import Header

_REPORT_PERIOD_S = 5.0

# Causes that are how things should be, or the camera's pace: counted, not complained of.
QUIET_CAUSES = ("superseded", "no_subscribers", "disabled")

# Rates and percentiles are those of the last so many seconds, and of no more frames than this.
_WINDOW_S = 5.0
_WINDOW_FRAMES = 600


@dataclass(frozen=True)
class Health:
    """How a camera fares at the moment.

    Attributes:
        uptime: Seconds since activation.
        window: Seconds that rates and what is recent are of: the last five, or those since activation.
        rate_in: Images received a second.
        rate_out: Images published a second.
        age: Seconds since the newest image was received; NaN before the first.
        latencies: Seconds from stamp to publication of the recent images, where known.
        frames_in: Images received since activation.
        frames_out: Images published since then.
        dropped: Images that gave no output since then, by cause.
        recently_dropped: The same, of the window.
        qos_incompatible: Policies that do not fit, by topic.
        time_jumps: Times the stamps went back.
    """

    uptime: float
    window: float
    rate_in: float
    rate_out: float
    age: float
    latencies: tuple[float, ...]
    frames_in: int
    frames_out: int
    dropped: Mapping[str, int]
    recently_dropped: Mapping[str, int]
    qos_incompatible: Mapping[str, str]
    time_jumps: int


class Statistics:
    """Counts frames in, out and dropped by cause. Thread-safe.

    Args:
        logger: Gets an error when a cause occurs, at most once in five seconds for each cause.
        camera: Name of the camera, for the log; empty: the only one.
    """

    def __init__(self, logger: Any, camera: str = "") -> None:
        self._logger, self._lock = logger, threading.Lock()
        self._whose = f"{camera}: " if camera else ""
        self._reported: dict[str, tuple[float, int]] = {}
        # Endpoints outlive an activation, and DDS tells of each misfit once.
        self._qos_incompatible: dict[str, str] = {}
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
            self._started = time.monotonic()
            self._last_in = math.nan
            self._time_jumps = 0
            self._times_in: deque[float] = deque(maxlen=_WINDOW_FRAMES)
            self._times_out: deque[tuple[float, float]] = deque(maxlen=_WINDOW_FRAMES)
            self._times_dropped: deque[tuple[float, str]] = deque(maxlen=_WINDOW_FRAMES)

    @property
    def frames_out(self) -> int:
        """Frames published since activation."""
        return self._out

    def received(self) -> None:
        """Count an image that arrived."""
        with self._lock:
            self._in += 1
            self._last_in = time.monotonic()
            self._times_in.append(self._last_in)

    def dropped(self, cause: str, reason: str) -> None:
        """Count an image that gives no output, and say why."""
        with self._lock:
            self._dropped[cause] += 1
            count = self._dropped[cause]
            now = time.monotonic()
            self._times_dropped.append((now, cause))
            last, reported = self._reported.get(cause, (-math.inf, 0))
            if cause in QUIET_CAUSES or now - last < _REPORT_PERIOD_S:
                return
            self._reported[cause] = (now, count)
        since = f" ({count - reported} frames since the last report)" if count - reported > 1 else ""
        self._logger.error(f"{self._whose}frame skipped, {cause}: {reason}{since}")

    def published(self, header: Header, seconds: Mapping[str, float], latency: float) -> None:
        """Count an image whose outputs are out.

        Args:
            header: The image's.
            seconds: Time in each stage.
            latency: Seconds from the image's stamp to now; NaN when unknown.
        """
        with self._lock:
            self._out += 1
            self._times_out.append((time.monotonic(), latency))
            self._header, self._stages, self._latency = header, dict(seconds), latency

    def qos_incompatible(self, topic: str, policy: str) -> None:
        """Take note of an endpoint on the other side whose QoS does not fit ours."""
        with self._lock:
            self._qos_incompatible[topic] = policy

    def recheck_qos(self, misfits: Callable[[str], bool]) -> None:
        """Forget the endpoints that are gone, or were set right.

        Args:
            misfits: Whether there still is one on a topic; DDS tells of those that come, not of those that go.
        """
        for topic in list(self._qos_incompatible):
            if not misfits(topic):
                with self._lock:
                    self._qos_incompatible.pop(topic, None)

    def time_jumped(self) -> None:
        """Count that the stamps went back: a bag began anew, or a clock was set."""
        with self._lock:
            self._time_jumps += 1

    def health(self) -> Health:
        """How things are at the moment."""
        with self._lock:
            now = time.monotonic()
            window = min(_WINDOW_S, max(now - self._started, 1e-3))
            since = now - window
            received = [t for t in self._times_in if t >= since]
            published = [t for t, _ in self._times_out if t >= since]
            return Health(
                uptime=now - self._started,
                window=window,
                rate_in=_rate(received, now, window),
                rate_out=_rate(published, now, window),
                age=now - self._last_in,
                latencies=tuple(late for t, late in self._times_out if t >= since and math.isfinite(late)),
                frames_in=self._in,
                frames_out=self._out,
                dropped=dict(self._dropped),
                recently_dropped=Counter(cause for t, cause in self._times_dropped if t >= since),
                qos_incompatible=dict(self._qos_incompatible),
                time_jumps=self._time_jumps,
            )

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


def _rate(times: Sequence[float], now: float, window: float) -> float:
    # Where there are more in the window than are kept, the rate is of those that are.
    return len(times) / (window if len(times) < _WINDOW_FRAMES else max(now - times[0], 1e-3))
