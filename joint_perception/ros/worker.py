# SPDX-License-Identifier: Apache-2.0
"""The thread that takes the newest frames, runs the engine and publishes."""

from __future__ import annotations

import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from joint_perception.engine import Backoff, DeviceLostError, OutOfMemoryError, Stopwatch
from joint_perception.pipeline.errors import FrameError
from joint_perception.ros.watchdog import LOAD, AbandonedError, Progress, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joint_perception.engine import Engine
    from joint_perception.pipeline.camera_frame import CameraFrame, Pair
    from joint_perception.ros.channel import Channel

    class Source(Protocol):
        """Where the worker takes frames from."""

        def take(self) -> dict[int, Pair]:
            """What came since the last call, by the channel's index."""


# A thread that is stuck in one of these has no part in the engine, which can be kept.
_OWN_STAGES = ("decode", "cloud", "publish")
# How long an end waits for the frames in hand.
_STOP_S = 10.0
# A stall stays in the diagnostics at least so long, though the worker goes on at once: they come once a second.
_SHOWN_S = 5.0


@dataclass(frozen=True)
class WorkerHealth:
    """How the worker fares.

    Attributes:
        stall: Where it was stuck; None once frames came out again.
        restarts: Threads that were given up since activation.
        stuck: Those of them that are stuck still.
        device: What the network runs on.
        batch_limit: Frames that go through the network at once, where memory lacks for more; None: all.
        fallen_back: Why the CPU has taken over; empty: it has not.
        fatal: Why the process ends; empty: it goes on.
    """

    stall: Stall | None
    restarts: int
    stuck: int
    device: str
    batch_limit: int | None
    fallen_back: str
    fatal: str


class Worker:
    """Runs the engine on the newest frames of all cameras, one set after the other, until it is stopped.

    The executor only stores frames: it never waits for the engine, and torch releases the interpreter lock
    while it computes.

    Args:
        node: For its context, its log and its parameter `cpu_fallback`.
        engine: The engine; `engine` can be replaced at any time, which counts from the next set on.
        channels: The cameras.
        load: Loads the engine anew, on the device of that name, or where the parameters say.
        on_engine: Told, from the thread, of an engine that took the place of another.

    Attributes:
        enabled: False: frames are counted, and nothing is done with them.
    """

    def __init__(
        self,
        node: Any,
        engine: Engine,
        channels: Sequence[Channel],
        load: Callable[[str | None], Engine],
        on_engine: Callable[[Engine], None],
    ) -> None:
        self._node, self._channels = node, channels
        self._load, self._on_engine = load, on_engine
        self.enabled = True
        self.engine = engine
        self._wake = threading.Event()
        self._stop = False
        self._source: Source | None = None
        self._thread: threading.Thread | None = None
        self._progress: Progress[Channel] = Progress()
        self._abandoned: list[threading.Thread] = []
        self._restarts = 0
        self._last_stall: tuple[Stall, float] | None = None
        self._stalled = False
        self._fatal = ""

    @property
    def engine(self) -> Engine:
        """What runs the network."""
        return self._backoff.engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self._backoff = Backoff(engine, self._load_on_cpu if self._node.cpu_fallback else None, self._say)

    @property
    def health(self) -> WorkerHealth:
        """How it fares."""
        shown = None
        if self._last_stall is not None and (self._stalled or time.monotonic() - self._last_stall[1] < _SHOWN_S):
            shown = self._last_stall[0]
        backoff = self._backoff
        return WorkerHealth(
            stall=shown,
            restarts=self._restarts,
            stuck=self._stuck(),
            device=str(backoff.engine.device),
            batch_limit=backoff.limit,
            fallen_back=backoff.fallen_back,
            fatal=self._fatal,
        )

    def start(self, source: Source) -> None:
        """Begin to take frames."""
        self._source = source
        self._begin(reload=False)

    def notify(self) -> None:
        """A new frame is there; returns at once."""
        self._wake.set()

    def stop(self) -> bool:
        """Finish the frames in hand, then end the thread; one that does not is abandoned.

        Returns:
            Whether no thread is left.
        """
        self._stop = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)
            if self._thread.is_alive():
                self._give_up_thread(f"deactivated while the frame was worked on for more than {_STOP_S:.0f} s")
        return self._stuck() == 0

    def watch(self, timeout: float, max_stuck: int) -> str:
        """Restart the thread if it is stuck; called from the executor, again and again.

        Args:
            timeout: Seconds in one stage after which it is; 0: however long.
            max_stuck: Threads that may be stuck at once.

        Returns:
            Why the process cannot go on; empty: it can.
        """
        stall = self._progress.stall(timeout) if timeout > 0 else None
        if stall is None or self._stop or self._fatal:
            return self._fatal
        self._last_stall, self._stalled = (stall, time.monotonic()), True
        self._restarts += 1
        where = f"the worker has been stuck in the stage {stall.stage!r} for {stall.seconds:.1f} s"
        self._give_up_thread(f"{where}; watchdog.timeout is {timeout:g} s")
        if self._stuck() > max_stuck:
            self._fatal = (
                f"{where}, and {self._stuck()} threads are stuck (watchdog.max_stuck is {max_stuck}); this process "
                "cannot go on"
            )
            return self._fatal
        reload = stall.stage not in _OWN_STAGES
        self._node.get_logger().error(f"{where}; restarted" + (" with the weights loaded anew" if reload else ""))
        self._begin(reload=reload)
        return ""

    # --- threads -------------------------------------------------------------------------------------

    def _begin(self, *, reload: bool) -> None:
        progress: Progress[Channel] = Progress()
        self._progress = progress
        self._thread = threading.Thread(target=self._run, args=(progress, reload), name="perception", daemon=True)
        self._thread.start()
        self._wake.set()  # for what came while the thread before was stuck

    def _give_up_thread(self, reason: str) -> None:
        if self._thread is not None:
            self._abandoned.append(self._thread)
        for channel in self._progress.abandon():
            channel.statistics.dropped("stalled", reason)

    def _stuck(self) -> int:
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        return len(self._abandoned)

    def _run(self, progress: Progress[Channel], reload: bool) -> None:  # noqa: FBT001 (threading's args)
        progress.bind()
        try:
            if reload:
                self._reload(progress)
            while self._source is not None:
                progress.rest()
                self._wake.wait()
                self._wake.clear()
                progress.check()
                if self._stop:
                    return
                pairs = self._source.take()
                self._process({self._channels[index]: pair for index, pair in sorted(pairs.items())}, progress)
                if not self._node.context.ok() or self._fatal:
                    return  # shut down under our hands: nothing can be published any more
                # Lets the executor in: it needs the interpreter lock to store the frame that has come meanwhile.
                time.sleep(0)
        except AbandonedError:
            # Meanwhile another thread may have slept through the event that this one took.
            self._wake.set()

    def _reload(self, progress: Progress[Channel]) -> None:
        # Here and not in the executor, where a device that hangs would take the whole node with it.
        progress.enter(LOAD)
        try:
            engine = self._load(None)
        except Exception as error:  # noqa: BLE001 (whatever it is, the old engine is all there is)
            self._node.get_logger().error(f"the weights cannot be loaded anew, the old ones go on: {error}")
            return
        progress.enter(LOAD)
        self.engine = engine
        self._on_engine(engine)

    def _load_on_cpu(self) -> Engine:
        engine = self._load("cpu")
        self._on_engine(engine)
        return engine

    def _say(self, text: str) -> None:
        self._node.get_logger().error(text)

    # --- frames --------------------------------------------------------------------------------------

    def _process(self, pairs: dict[Channel, Pair], progress: Progress[Channel]) -> None:
        taken: dict[Channel, tuple[CameraFrame, Stopwatch]] = {}
        progress.take(list(pairs))
        for channel, pair in pairs.items():
            with self._counting([channel], progress):
                stopwatch = Stopwatch(progress.enter)
                frame = self._decode(channel, pair, stopwatch, progress)
                if frame is not None:
                    taken[channel] = (frame, stopwatch)
        if not taken:
            return
        stopwatch = Stopwatch(progress.enter)
        with self._counting(list(taken), progress):
            backoff = self._backoff
            readings = [channel.reading(backoff.engine, frame) for channel, (frame, _) in taken.items()]
            frames = [frame.frame for frame, _ in taken.values()]
            wanted = set().union(*(channel.publisher.wanted_of_engine() for channel in taken))
            predictions = backoff.predict(frames, stopwatch, readings, wanted)
            for (channel, (frame, own)), reading, prediction in zip(taken.items(), readings, predictions, strict=True):
                with self._counting([channel], progress):
                    own.seconds.update(stopwatch.seconds)
                    channel.publish(frame, reading, prediction, own)
                    progress.settle(channel)
                    channel.count(frame, own)
                    self._stalled = False

    def _decode(
        self, channel: Channel, pair: Pair, stopwatch: Stopwatch, progress: Progress[Channel]
    ) -> CameraFrame | None:
        if not self.enabled:
            progress.settle(channel)
            channel.statistics.dropped("disabled", "the node is disabled")
            return None
        predicting = channel.publisher.wants_prediction()
        camera = channel.camera
        frame = None
        if camera is not None and (predicting or channel.publisher.wants_frame()):
            with stopwatch.stage("decode"):
                frame = camera.decode(pair)
            if predicting:
                return frame
            channel.publisher.publish_frame(frame)
        progress.settle(channel)
        channel.statistics.dropped("no_subscribers", "nobody subscribes to an output")
        return None

    @contextmanager
    def _counting(self, channels: Sequence[Channel], progress: Progress[Channel]) -> Iterator[None]:
        """Turn an error into a dropped frame of each channel: one bad frame must not end perception."""
        try:
            yield
        except FrameError as error:
            self._drop(channels, error.cause, str(error), progress)
        except OutOfMemoryError as error:
            self._drop(channels, "out_of_memory", str(error), progress)
        except DeviceLostError as error:
            self._drop(channels, "device_lost", str(error), progress)
            self._fatal = str(error)
        except Exception as error:  # noqa: BLE001
            if not self._node.context.ok():
                return  # shut down under our hands
            where = traceback.format_exc(limit=-3)
            self._drop(channels, "engine_error", f"{type(error).__name__}: {error}\n{where}", progress)

    def _drop(self, channels: Sequence[Channel], cause: str, reason: str, progress: Progress[Channel]) -> None:
        for channel in channels:
            progress.settle(channel)
            channel.statistics.dropped(cause, reason)
