# SPDX-License-Identifier: Apache-2.0
"""The thread that takes the newest frame, runs the engine and publishes."""

from __future__ import annotations

import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from joint_perception.engine import Stopwatch
from joint_perception.ros.errors import FrameError
from joint_perception.ros.optional import nanoseconds

if TYPE_CHECKING:
    from joint_perception.engine import Engine
    from joint_perception.ros.camera import Camera
    from joint_perception.ros.publisher import OutputPublisher
    from joint_perception.ros.statistics import Statistics


class Worker:
    """Runs the engine on the newest frame, one after the other, until it is stopped.

    The executor only stores frames: it never waits for the engine, and torch releases the interpreter lock
    while it computes.

    Args:
        node: For its clock, logger and context.
        engine: The engine.
        publisher: Where the outputs go.
        statistics: What became of each frame.
    """

    def __init__(self, node: Any, engine: Engine, publisher: OutputPublisher, statistics: Statistics) -> None:
        self._node, self._engine = node, engine
        self._publisher, self._statistics = publisher, statistics
        self._wake = threading.Event()
        self._stop = False
        self._thread: threading.Thread | None = None

    def start(self, camera: Camera) -> None:
        """Begin to take frames of a camera."""
        self._thread = threading.Thread(target=self._run, args=(camera,), name="perception", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """A new frame is there; returns at once."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the frame in hand, then end the thread."""
        self._stop = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, camera: Camera) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stop:
                return
            try:
                self._process(camera)
            except FrameError as error:
                self._statistics.dropped(error.cause, str(error))
            except Exception as error:  # noqa: BLE001 (one bad frame must not end perception)
                if not self._node.context.ok():
                    return  # shut down under our hands: nothing can be published any more
                where = traceback.format_exc(limit=-3)
                self._statistics.dropped("engine_error", f"{type(error).__name__}: {error}\n{where}")

    def _process(self, camera: Camera) -> None:
        pair = camera.take()
        if pair is None:
            return
        predicting = self._publisher.wants_prediction()
        if not predicting and not self._publisher.wanted("camera_info"):
            self._unwanted()
            return
        stopwatch = Stopwatch()
        with stopwatch.stage("decode"):
            taken = camera.decode(pair)
        if not predicting:
            self._publisher.publish_camera_info(taken)
            self._unwanted()
            return
        prediction = self._engine.predict([taken.frame], stopwatch)[0]
        self._publisher.publish(taken, prediction, stopwatch)
        header = taken.image.header
        stamp = nanoseconds(header.stamp)
        now = self._node.get_clock().now().nanoseconds
        self._statistics.published(header, stopwatch.seconds, (now - stamp) * 1e-9 if stamp else float("nan"))
        self._publisher.publish_stats(self._statistics.message())
        # Lets the executor in: it needs the interpreter lock to store the frame that has come meanwhile.
        time.sleep(0)

    def _unwanted(self) -> None:
        self._statistics.dropped("no_subscribers", "nobody subscribes to an output")
