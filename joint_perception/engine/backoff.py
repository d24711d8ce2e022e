# SPDX-License-Identifier: Apache-2.0
"""What becomes of a batch that the device has no memory for, and of a device that is lost."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import torch

from joint_perception.engine.errors import EngineError
from joint_perception.engine.frame import EVERYTHING
from joint_perception.engine.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from joint_perception.engine.engine import Engine
    from joint_perception.engine.frame import Frame, Prediction
    from joint_perception.engine.reading import Reading

# A smaller batch is slower, and what took the memory may have gone: so many batches later twice as many are tried.
_RETRY_AFTER = 200

# How the runtimes word it: torch on CUDA and on the CPU, ONNX Runtime, OpenVINO.
_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "failed to allocate memory",
    "cl_out_of_resources",
    "cl_mem_object_allocation_failure",
)
# After one of these nothing more can be computed on the device by this process (CUDA C programming guide, error
# handling: "sticky" errors leave the context unusable).
_LOST = ("cuda error", "cublas_status_execution_failed", "cudnn_status_execution_failed", "device lost")


class OutOfMemoryError(EngineError):
    """Not even one frame fits into the memory of the device."""


class DeviceLostError(EngineError):
    """The device answers no more, and the CPU may not take its place."""


class Backoff:
    """Runs an engine as `Engine.predict` does, and goes on when its device cannot.

    Out of memory: half as many frames at once, and so on down to one; later as many as before. If not even one fits,
    or the device is lost: another engine on the CPU, from then on.

    Args:
        engine: What to run.
        load_on_cpu: Makes the engine that takes its place; None: that is not allowed.
        report: Told, in a sentence, of each step down and up.

    Attributes:
        engine: What runs now.
        limit: How many frames go through it at once; None: as many as come.
        fallen_back: Why the engine on the CPU has taken the place of the first; empty: it has not.
    """

    def __init__(self, engine: Engine, load_on_cpu: Callable[[], Engine] | None, report: Callable[[str], None]) -> None:
        self.engine = engine
        self.limit: int | None = None
        self.fallen_back = ""
        self._load_on_cpu, self._report = load_on_cpu, report
        self._since = 0  # batches since the limit changed

    def predict(
        self,
        frames: Sequence[Frame],
        stopwatch: Stopwatch | None = None,
        readings: Sequence[Reading] | None = None,
        wanted: Collection[str] = EVERYTHING,
    ) -> list[Prediction]:
        """See `Engine.predict`.

        Raises:
            OutOfMemoryError: One frame is too much, and the CPU may not take over, or is what runs.
            DeviceLostError: The device is lost, and the CPU may not take over.
        """
        stopwatch = stopwatch or Stopwatch()
        self._try_larger(len(frames))
        predictions: list[Prediction] = []
        while len(predictions) < len(frames):
            start = len(predictions)
            part = slice(start, start + (self.limit or len(frames)))
            trouble = ""
            lost = False
            try:
                own = None if readings is None else readings[part]
                predictions += self.engine.predict(frames[part], stopwatch, own, wanted)
            except (RuntimeError, MemoryError) as error:
                lost = is_device_lost(error)
                if not lost and not is_out_of_memory(error):
                    raise
                trouble = _first_line(error)
            # Out here the exception is gone, and with it the tensors that its traceback held.
            if lost:
                self._to_cpu(trouble, DeviceLostError, stopwatch)
            elif trouble:
                self._make_room(len(frames[part]), trouble, stopwatch)
        return predictions

    def _try_larger(self, wanted: int) -> None:
        if self.limit is None:
            return
        self._since += 1
        if self._since > _RETRY_AFTER:
            self._since = 0
            self.limit = 2 * self.limit if 2 * self.limit < wanted else None
            self._report(f"{self.limit or wanted} frames at once are tried again")

    def _make_room(self, count: int, trouble: str, stopwatch: Stopwatch) -> None:
        gc.collect()
        if torch.cuda.is_available():  # pragma: no cover (needs CUDA)
            torch.cuda.empty_cache()
        if count == 1:
            self._to_cpu(trouble, OutOfMemoryError, stopwatch)
            return
        self.limit, self._since = count // 2, 0
        self._report(
            f"{self.engine.device} has no memory for {count} frames at once ({trouble}); from now on {self.limit} at "
            "once; a smaller network.width and network.height need less"
        )

    def _to_cpu(self, trouble: str, error: type[EngineError], stopwatch: Stopwatch) -> None:
        device = self.engine.device
        what = f"{device} is lost" if error is DeviceLostError else f"{device} has no memory for one frame"
        if self._load_on_cpu is None or device.type == "cpu":
            remedy = (
                "start the process anew: this one cannot use the device any more"
                if error is DeviceLostError
                else "use a smaller network.width and network.height, or free memory"
            )
            raise error(f"{what}: {trouble}; {remedy}" + ("" if device.type == "cpu" else ", or allow cpu_fallback"))
        self._report(f"{what} ({trouble}); the CPU takes over, far slower, until the weights are loaded anew")
        with stopwatch.stage("load"):
            self.engine = self._load_on_cpu()
        self.limit, self.fallen_back = None, f"{what}: {trouble}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a runtime failed for want of memory."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Whether a runtime failed in a way after which its device is of no use to this process."""
    if is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    return any(words in str(error).lower() for words in _LOST)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
