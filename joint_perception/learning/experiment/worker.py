# SPDX-License-Identifier: Apache-2.0
"""A process that does one run of an experiment after another."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

import cv2
import torch

from joint_perception.learning.experiment.perform import perform
from joint_perception.learning.experiment.results import ExperimentError
from joint_perception.learning.processes import keep_freed_memory

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import FrameType

    from joint_perception.learning.experiment.config import ExperimentConfig
    from joint_perception.learning.experiment.perform import Place
    from joint_perception.learning.experiment.plan import Run
    from joint_perception.learning.experiment.results import Result

_PATIENCE_SECONDS = 60  # a step, and the state after it


class Worker:
    """The process, seen from the one that started it.

    Args:
        config: Of the experiment.
        place: Where it is done.
        threads: Of the process.

    Attributes:
        connection: Becomes readable when there is an answer.
    """

    def __init__(self, config: ExperimentConfig, place: Place, threads: int) -> None:
        context = multiprocessing.get_context("spawn")  # torch does not survive a fork
        self.connection, other = context.Pipe()
        self._run: Run | None = None
        self._process = context.Process(target=_work, args=(other, config, place, threads), daemon=True)
        self._process.start()
        other.close()

    def begin(self, run: Run, max_seconds: float) -> None:
        """Have it do a run; see `perform`."""
        self._run = run
        with contextlib.suppress(OSError):  # it died; `answer` says so
            self.connection.send((run, max_seconds))

    def answer(self, *, stopping: bool) -> Result | None:
        """The result of the run, once the connection is readable; None where it was stopped.

        Args:
            stopping: It was told to stop, and may have ended by that.

        Raises:
            ExperimentError: The run failed, or the process died.
        """
        assert self._run is not None  # of begin
        run, self._run = self._run, None
        try:
            answer: Result | str | None = self.connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(_PATIENCE_SECONDS)
            if stopping:
                return None
            raise ExperimentError(
                f"the process of {run.name} ended with exit code {self._process.exitcode}, perhaps for want of "
                "memory; the same command goes on, with fewer --jobs if need be"
            ) from error
        if isinstance(answer, str):
            raise ExperimentError(f"{run.name} failed: {answer}")
        return answer

    def stop(self) -> None:
        """Have it save its state after the step that is under way."""
        self._process.terminate()

    def end(self) -> None:
        """End the process; a run under way saves its state."""
        self.connection.close()
        if self._run is not None:
            self._process.terminate()
        self._process.join(_PATIENCE_SECONDS)
        if self._process.is_alive():
            self._process.kill()


def _work(connection: Connection[Any, Any], config: ExperimentConfig, place: Place, threads: int) -> None:
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C is for the first process, which then tells the others
    signal.signal(signal.SIGTERM, _leave)  # not while `train` runs, which saves first
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    keep_freed_memory()
    while True:
        try:
            run, max_seconds = connection.recv()
        except (EOFError, OSError):
            return
        answer: Result | str | None
        try:
            answer = perform(config, run, place, max_seconds)
        except (ValueError, RuntimeError, OSError) as error:  # every error of ours is one of these
            answer = str(error)
        except Exception:  # noqa: BLE001 (told by the first process)
            answer = traceback.format_exc()
        with contextlib.suppress(OSError):  # nobody waits for it any more
            connection.send(answer)


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def _end_with_parent() -> None:
    """Save and end when the first process is killed: two must not train into one folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a child
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
