# SPDX-License-Identifier: Apache-2.0
"""The perception node, whose engine fails where a picture says so: `python faulty_node.py --ros-args ...`.

Everything else is the node as it is installed. A picture asks for a fault with its first pixel.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np  # noqa: TC002 (one annotation is not worth a block)
import torch

import joint_perception.ros.main as main_module
from joint_perception.network import Outputs
from joint_perception.ros.node import PerceptionNode

MARK = (13, 37)  # red and green of that pixel; its blue is the fault
RAISE, NO_ROOM_FOR_TWO, NO_ROOM, LOST, HANG, NOT_A_NUMBER = range(1, 7)
RELEASE = "FAULTY_NODE_RELEASE"  # names a file; while there is none, HANG hangs


def ask_for(pixels: np.ndarray, fault: int) -> np.ndarray:
    """That picture, asking for a fault."""
    asking = pixels.copy()
    asking[0, 0] = (*MARK, fault)
    return asking


class FaultyEngine:
    """An engine that fails on request; on a CPU it calls itself a GPU, unless the CPU was asked for."""

    def __init__(self, engine, device: str | None) -> None:
        self._engine, self._gpu = engine, device != "cpu"
        self.device = torch.device("cuda", 0) if self._gpu else engine.device

    def __getattr__(self, name: str):
        return getattr(self._engine, name)

    def predict(self, frames, stopwatch, readings, *arguments):
        faults = {int(f.image[0, 0, 2]) for f in frames if tuple(f.image[0, 0, :2]) == MARK}
        if RAISE in faults:
            raise ZeroDivisionError("as the picture asked")
        if self._gpu and (NO_ROOM in faults or (NO_ROOM_FOR_TWO in faults and len(frames) > 1)):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        if self._gpu and LOST in faults:
            raise RuntimeError("CUDA error: unspecified launch failure")
        if HANG in faults:
            with stopwatch.stage("network"):
                while not Path(os.environ[RELEASE]).exists():
                    time.sleep(0.02)
        if NOT_A_NUMBER not in faults:
            return self._engine.predict(frames, stopwatch, readings, *arguments)
        runtime = self._engine.runtime
        self._engine.runtime = SimpleNamespace(part=lambda *a, **k: _spoilt_part(*runtime.part(*a, **k)))
        try:
            return self._engine.predict(frames, stopwatch, readings, *arguments)
        finally:
            self._engine.runtime = runtime


def _spoilt_part(outputs: Outputs, first: int) -> tuple[Outputs, int]:
    return Outputs(*map(_spoilt, outputs)), first


def _spoilt(output: torch.Tensor | None) -> torch.Tensor | None:
    """A third of it NaN, a third infinite, a third as it was."""
    if output is None:
        return None
    spoilt, third = output.clone(), output.shape[-2] // 3
    spoilt[..., :third, :] = torch.nan
    spoilt[..., third : 2 * third, ::2], spoilt[..., third : 2 * third, 1::2] = torch.inf, -torch.inf
    return spoilt


class FaultyNode(PerceptionNode):
    """The node with that engine."""

    def _load(self, device: str | None = None):
        return FaultyEngine(super()._load(device), device)


if __name__ == "__main__":
    main_module.PerceptionNode = FaultyNode
    sys.exit(main_module.main())
