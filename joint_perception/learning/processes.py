# SPDX-License-Identifier: Apache-2.0
"""The processes of one training: one by itself, or as many as torchrun started."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

from joint_perception.engine.devices import select_device

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# The others wait while the first one validates.
_PATIENCE = timedelta(hours=4)
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h of glibc


@dataclass(frozen=True)
class Processes:
    """This process among those of the training.

    Attributes:
        rank: Its number; the first, 0, measures and writes.
        count: Number of processes.
        device: Where it computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process measures and writes."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        return self._reduced(values, distributed.ReduceOp.SUM)

    def greatest(self, values: torch.Tensor) -> torch.Tensor:
        """The greatest over all processes."""
        return self._reduced(values, distributed.ReduceOp.MAX)

    def any(self, *, yes: bool) -> bool:
        """Whether any process says yes."""
        return bool(self.greatest(torch.tensor(float(yes))))

    def wait(self) -> None:
        """Wait for all processes."""
        if self.count > 1:
            distributed.barrier()

    def _reduced(self, values: torch.Tensor, how: Any) -> torch.Tensor:
        if self.count == 1:
            return values
        values = values.clone()
        distributed.all_reduce(values, how)
        return values


@contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, if it did: gloo on the CPU, NCCL between CUDA devices.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`; of several processes each takes its own CUDA device.

    Raises:
        EngineError: There is no such device.
    """
    count, rank, local = (
        int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", 1), ("RANK", 0), ("LOCAL_RANK", 0))
    )
    chosen = select_device(device)
    if count > 1 and chosen.type == "cuda":  # pragma: no cover (needs CUDA)
        chosen = select_device(f"cuda:{local}")
    if chosen.type == "cuda":  # pragma: no cover (needs CUDA)
        torch.cuda.set_device(chosen)
    if count > 1:
        backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Processes(rank, count, chosen)
    finally:
        if count > 1:
            distributed.destroy_process_group()


class StopRequest:
    """Whether SIGINT (Ctrl-C) or SIGTERM came; they are only noted, so that the step that is under way can be finished.

    A second SIGINT ends the process at once, as usual.

    Attributes:
        number: The signal that came; None: none did.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def note(self, number: int, _: FrameType | None) -> None:
        """Take note of a signal."""
        if self.number is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number
        print("\nstopping after this step", file=sys.stderr)  # noqa: T201 (a user waits for an answer)


@contextmanager
def noting_stop_requests() -> Iterator[StopRequest]:
    """Within the `with` block, let the signals only be noted."""
    request = StopRequest()
    before = {number: signal.signal(number, request.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_stop_signals() -> None:
    """For the processes that load images: they end when the training does, which has yet to finish a step.

    Ctrl-C in a terminal, and torchrun, send their signal to all of them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def keep_freed_memory() -> None:
    """Have glibc keep memory that is freed, where there is glibc.

    It would give each large tensor back to the system and ask for it again, zeroed page by page, at every layer of
    every step: 3.6 s in place of 2.1 for 12 images of 320x240 on one core.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)
