# SPDX-License-Identifier: Apache-2.0
"""Where a frame's time goes inside the engine, kernel by kernel on a GPU, operation by operation on a CPU.

By torch's profiler, which does not see into OpenVINO and ONNX Runtime.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

if TYPE_CHECKING:
    from joint_perception.engine import Engine, Frame

SEEN = ("torch", "tensorrt")
OTHERS, WAITING = "others", "between them"
_SHOWN = 12
_RUNS = 10
_NAME = 72  # characters: kernels have their templates' arguments in their names


def profiled(engine: Engine, frame: Frame) -> dict[str, dict[str, float]]:
    """The parts of a frame's time, labels and depth wanted, the longest first.

    Args:
        engine: On a runtime of `SEEN`.
        frame: Run a few times.

    Returns:
        By name of the kernel, copy or operation `ms` a frame, `share` 0..1 of the frame's time under the profiler, and
        `calls` a frame. `OTHERS` is the sum of the shorter ones, `WAITING` when none ran: launching, waiting, Python.
    """
    on_gpu = engine.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    for _ in range(3):
        engine.predict([frame], wanted=())
    with profile(activities=activities) as seen:
        start = time.perf_counter()
        for _ in range(_RUNS):
            engine.predict([frame], wanted=())
        wall = (time.perf_counter() - start) * 1e3 / _RUNS
    parts: list[tuple[float, float, str]] = []
    for event in seen.key_averages():
        # Operations have the time of the kernels that they launch, too, which would count twice.
        if (event.device_type == DeviceType.CUDA) != on_gpu:
            continue
        spent: Any = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        parts.append((spent / 1e3 / _RUNS, event.count / _RUNS, _short(event.key)))
    return _table(sorted(parts, reverse=True), wall)


def _table(parts: list[tuple[float, float, str]], wall: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for spent, calls, name in parts[:_SHOWN]:
        row = found.setdefault(name, {"ms": 0.0, "share": 0.0, "calls": 0.0})
        row["ms"] += spent
        row["calls"] += calls
    rest = parts[_SHOWN:]
    if rest:
        found[OTHERS] = {"ms": sum(part[0] for part in rest), "calls": sum(part[1] for part in rest)}
    found[WAITING] = {"ms": max(0.0, wall - sum(part[0] for part in parts)), "calls": 0.0}
    for row in found.values():
        row["share"] = row["ms"] / wall
    return found


def _short(name: str) -> str:
    plain = " ".join(name.removeprefix("void ").split()).replace("|", "/")
    return plain if len(plain) <= _NAME else f"{plain[: _NAME - 3]}..."
