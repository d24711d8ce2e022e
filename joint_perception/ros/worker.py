# SPDX-License-Identifier: Apache-2.0
"""The thread that takes the newest frames, runs the engine and publishes."""

from __future__ import annotations

import threading
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from joint_perception.engine import Stopwatch
from joint_perception.pipeline.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joint_perception.engine import Engine
    from joint_perception.ros.camera_frame import CameraFrame, Pair
    from joint_perception.ros.channel import Channel

    class Source(Protocol):
        """Where the worker takes frames from."""

        def take(self) -> dict[int, Pair]:
            """What came since the last call, by the channel's index."""


class Worker:
    """Runs the engine on the newest frames of all cameras, one set after the other, until it is stopped.

    The executor only stores frames: it never waits for the engine, and torch releases the interpreter lock
    while it computes.

    Args:
        node: For its context.
        engine: The engine; `engine` can be replaced at any time, which counts from the next set on.
        channels: The cameras.

    Attributes:
        enabled: False: frames are counted, and nothing is done with them.
    """

    def __init__(self, node: Any, engine: Engine, channels: Sequence[Channel]) -> None:
        self._node, self.engine, self._channels = node, engine, channels
        self.enabled = True
        self._wake = threading.Event()
        self._stop = False
        self._thread: threading.Thread | None = None

    def start(self, source: Source) -> None:
        """Begin to take frames."""
        self._thread = threading.Thread(target=self._run, args=(source,), name="perception", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """A new frame is there; returns at once."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the frames in hand, then end the thread."""
        self._stop = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, source: Source) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stop:
                return
            pairs = source.take()
            self._process({self._channels[index]: pair for index, pair in sorted(pairs.items())})
            if not self._node.context.ok():
                return  # shut down under our hands: nothing can be published any more
            # Lets the executor in: it needs the interpreter lock to store the frame that has come meanwhile.
            time.sleep(0)

    def _process(self, pairs: dict[Channel, Pair]) -> None:
        taken: dict[Channel, tuple[CameraFrame, Stopwatch]] = {}
        for channel, pair in pairs.items():
            with self._counting([channel]):
                stopwatch = Stopwatch()
                frame = self._decode(channel, pair, stopwatch)
                if frame is not None:
                    taken[channel] = (frame, stopwatch)
        if not taken:
            return
        stopwatch = Stopwatch()
        with self._counting(list(taken)):
            engine = self.engine
            readings = [channel.reading(engine, frame) for channel, (frame, _) in taken.items()]
            predictions = engine.predict([frame.frame for frame, _ in taken.values()], stopwatch, readings)
            for (channel, (frame, own)), reading, prediction in zip(taken.items(), readings, predictions, strict=True):
                with self._counting([channel]):
                    channel.publish(frame, reading, prediction, {**own.seconds, **stopwatch.seconds})

    def _decode(self, channel: Channel, pair: Pair, stopwatch: Stopwatch) -> CameraFrame | None:
        if not self.enabled:
            channel.statistics.dropped("disabled", "the node is disabled")
            return None
        predicting = channel.publisher.wants_prediction()
        camera = channel.camera
        if camera is None or not (predicting or channel.publisher.wants_frame()):
            channel.statistics.dropped("no_subscribers", "nobody subscribes to an output")
            return None
        with stopwatch.stage("decode"):
            frame = camera.decode(pair)
        if not predicting:
            channel.publisher.publish_frame(frame)
            channel.statistics.dropped("no_subscribers", "nobody subscribes to an output")
            return None
        return frame

    @contextmanager
    def _counting(self, channels: Sequence[Channel]) -> Iterator[None]:
        """Turn an error into a dropped frame of each channel: one bad frame must not end perception."""
        try:
            yield
        except FrameError as error:
            for channel in channels:
                channel.statistics.dropped(error.cause, str(error))
        except Exception as error:  # noqa: BLE001
            if not self._node.context.ok():
                return  # shut down under our hands
            where = traceback.format_exc(limit=-3)
            for channel in channels:
                channel.statistics.dropped("engine_error", f"{type(error).__name__}: {error}\n{where}")
