# SPDX-License-Identifier: Apache-2.0
"""A module's kernels on a GPU recorded once for each shape of input, then launched together.

Not run by this project yet: there was no machine with a GPU. Where a recording fails, the module runs as it is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

from joint_perception.engine.runtimes.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    Heads = tuple[torch.Tensor, ...]

_KEPT = 4  # shapes of input that stay recorded: each holds its memory
_WARM_UP = 3  # runs before a recording, in which libraries choose their algorithms
_log = logging.getLogger(__name__)


class CudaGraphs:
    """Calls a module through CUDA graphs (CUDA C programming guide, "CUDA Graphs").

    Args:
        module: Of one tensor, without side effects, the same work for each input of a shape.

    Attributes:
        refusal: Why the module runs without graphs; empty: it does not.
    """

    def __init__(self, module: Callable[[torch.Tensor], Heads]) -> None:
        self._module = module
        self._recorded: Recent[tuple[torch.cuda.CUDAGraph, torch.Tensor, Heads]] = Recent(_KEPT)
        self.refusal = ""

    def __call__(self, x: torch.Tensor) -> Heads:
        """Run the module; what it returns holds until the next call."""
        if self.refusal:
            return self._module(x)
        try:
            graph, static, heads = self._recorded.get((tuple(x.shape), x.dtype), lambda: self._record(x))
        except Exception as error:  # noqa: BLE001 (drivers and libraries refuse in many ways)
            self.refusal = str(error).partition("\n")[0]
            self._recorded = Recent(_KEPT)
            _log.warning("no CUDA graphs here, the network runs without: %s", self.refusal)
            return self._module(x)
        static.copy_(x, non_blocking=True)
        graph.replay()
        return heads

    def _record(self, x: torch.Tensor) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, Heads]:
        static = x.clone()
        stream = torch.cuda.Stream(x.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(x.device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._module(static)
        torch.cuda.current_stream(x.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            heads = self._module(static)
        return graph, static, heads
