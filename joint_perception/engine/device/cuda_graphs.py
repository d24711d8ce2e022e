# SPDX-License-Identifier: Apache-2.0
"""Kernels on a GPU recorded once for each kind of work and shape of input, then launched together.

Not run by this project yet: there was no machine with a GPU. Where a recording fails, the work is done without.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import torch

from joint_perception.engine.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

Tensors: TypeAlias = tuple[torch.Tensor, ...]

_KEPT = 8  # recordings: each holds its memory
_WARM_UP = 3  # runs before a recording, in which libraries choose their algorithms
_log = logging.getLogger(__name__)


class CudaGraphs:
    """Does work through CUDA graphs (CUDA C programming guide, "CUDA Graphs"); on a CPU, or where that fails, without.

    Args:
        device: Where the work is done.

    Attributes:
        refusal: Why it goes without graphs on a GPU; empty: it does not.
    """

    def __init__(self, device: torch.device) -> None:
        self._possible = device.type == "cuda"
        self._recorded: Recent[tuple[torch.cuda.CUDAGraph, Tensors, Tensors]] = Recent(_KEPT)
        self.refusal = ""

    def __call__(self, kind: Hashable, work: Callable[..., Tensors], *inputs: torch.Tensor) -> Tensors:
        """Do it.

        Args:
            kind: What tells this work from others of the same shapes; the work itself is recorded at first only.
            work: Of these tensors and nothing else that changes: without side effects, without a look at a value.
            inputs: On the device.

        Returns:
            What the work returns; on a GPU it holds until the next call of that kind.
        """
        if self.refusal or not self._possible:
            return work(*inputs)
        key = (kind, *((tuple(x.shape), x.dtype) for x in inputs))
        try:
            graph, given, found = self._recorded.get(key, lambda: _record(work, inputs))
        except Exception as error:  # noqa: BLE001 (drivers and libraries refuse in many ways)
            self.refusal = str(error).partition("\n")[0]
            self._recorded = Recent(_KEPT)
            _log.warning("no CUDA graphs here, kernels are launched one by one: %s", self.refusal)
            return work(*inputs)
        for own, theirs in zip(given, inputs, strict=True):
            own.copy_(theirs, non_blocking=True)
        graph.replay()
        return found


def _record(work: Callable[..., Tensors], inputs: Tensors) -> tuple[torch.cuda.CUDAGraph, Tensors, Tensors]:
    given = tuple(x.clone() for x in inputs)
    device = given[0].device
    with torch.cuda.device(device), _fastest_convolutions():
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                work(*given)
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # This thread's own mistakes end the recording, and not what other threads ask the driver meanwhile, as the
        # diagnostics do for its memory.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            found = work(*given)
    return graph, given, found


@contextmanager
def _fastest_convolutions() -> Iterator[None]:
    """Let cuDNN try its algorithms on each shape: in the warm-up, which is when there is time for it."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
