# SPDX-License-Identifier: Apache-2.0
"""Runtimes by name, and the choice among them."""

from __future__ import annotations

import logging
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from joint_perception.engine.errors import EngineError, RuntimeUnavailableError
from joint_perception.engine.runtimes.onnxruntime_runtime import OnnxRuntime
from joint_perception.engine.runtimes.openvino_runtime import OpenVinoRuntime
from joint_perception.engine.runtimes.remembered import choice_file, recall, remember
from joint_perception.engine.runtimes.runtime import PRECISIONS, RUNTIMES, Runtime
from joint_perception.engine.runtimes.self_check import Agreement, agreement, check_pixels
from joint_perception.engine.runtimes.tensorrt_runtime import TensorRtRuntime
from joint_perception.engine.runtimes.torch_runtime import PlainRuntime, TorchRuntime, one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from joint_perception.network import JointNetwork

# What `auto` looks at, by kind of device.
CANDIDATES = {"cpu": ("openvino", "onnxruntime", "torch"), "cuda": ("tensorrt", "torch")}
_RUNS = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """A runtime that `auto` looked at.

    Attributes:
        name: As of the parameter `runtime`.
        milliseconds: Median of a few runs on the image of the self-check; None where it did not run.
        agreement: With the plain network in fp32; None where it did not run.
        refusal: Why it cannot be taken; empty: it can.
    """

    name: str
    milliseconds: float | None = None
    agreement: Agreement | None = None
    refusal: str = ""

    def describe(self) -> str:
        """In words."""
        if self.milliseconds is None or self.agreement is None:
            return f"{self.name}: {self.refusal}"
        measured = f"{self.name}: {self.milliseconds:.1f} ms, {self.agreement.describe()}"
        return f"{measured}, refused: {self.refusal}" if self.refusal else measured


@dataclass(frozen=True)
class Choice:
    """What runs the network, and why.

    Attributes:
        runtime: Its name.
        precision: Its precision.
        why: For the log.
        candidates: What `auto` looked at; empty where the runtime was named.
    """

    runtime: str
    precision: str
    why: str
    candidates: tuple[Candidate, ...] = ()

    def describe(self) -> str:
        """In one line, for logs and diagnostics."""
        return f"{self.runtime} {self.precision}: {self.why}"


def open_runtime(name: str, network: JointNetwork, device: torch.device, precision: str = "fp32") -> Runtime:
    """Make the runtime of that name.

    Args:
        name: `torch`, `openvino`, `onnxruntime` or `tensorrt`.
        network: Left as it is.
        device: A torch device; OpenVINO and ONNX Runtime serve the CPU, TensorRT CUDA.
        precision: `fp32`, `fp16` or `bf16`.

    Raises:
        EngineError: There is none of that name.
        RuntimeUnavailableError: It cannot serve here; says what to install or to change.
    """
    if precision not in PRECISIONS:
        raise EngineError(f"precision {precision!r} is not one of {', '.join(PRECISIONS)}")
    makers: dict[str, Callable[[JointNetwork, torch.device, str], Runtime]] = {
        "torch": TorchRuntime,
        "openvino": OpenVinoRuntime,
        "onnxruntime": OnnxRuntime,
        "tensorrt": TensorRtRuntime,
    }
    if name in makers:
        return makers[name](network, device, precision)
    raise EngineError(f"runtime {name!r} is not one of {', '.join(RUNTIMES)}")


def choose_runtime(
    name: str, network: JointNetwork, device: torch.device, precision: str = "fp32"
) -> tuple[Runtime, Choice]:
    """Make the runtime of that name; `auto`: the fastest that is installed and agrees with plain torch in fp32.

    What it chose is kept on disk for these weights, this machine and these versions; later starts do not measure. A
    candidate agrees where at least 99 % of its labels are those of plain torch and its depth differs by at most
    1 % on average, on the picture of the self-check.

    Args:
        name: `auto`, or as of `open_runtime`.
        network: Left as it is, but for its device.
        device: As of `open_runtime`.
        precision: As of `open_runtime`.

    Returns:
        The runtime, and what to say of it.

    Raises:
        EngineError: As of `open_runtime`; or none agrees.
    """
    if name != "auto":
        return open_runtime(name, network, device, precision), Choice(name, precision, "named by the parameter runtime")
    file = choice_file(network, device, precision)
    if (kept := recall(file)) is not None and kept[0] in CANDIDATES.get(device.type, ("torch",)):
        found = _opened(kept[0], network, device, precision)
        if isinstance(found, Runtime):
            return found, Choice(kept[0], precision, f"{kept[1]}; measured at an earlier start, kept in {file}")
    opened: dict[str, Runtime] = {}
    refused: list[Candidate] = []
    for candidate in CANDIDATES.get(device.type, ("torch",)):
        found = _opened(candidate, network, device, precision)
        if isinstance(found, Runtime):
            opened[candidate] = found
        else:
            refused.append(found)
    if precision == "fp32" and list(opened) == ["torch"]:  # nothing to compare, and nothing to check
        why = "the only runtime that serves here; " + "; ".join(c.describe() for c in refused)
        return opened["torch"], Choice("torch", precision, why.removesuffix("; "), tuple(refused))
    measured = _measured(opened, PlainRuntime(network, device))
    agreeing = {c.name: c for c in measured if not c.refusal}
    said = "; ".join(c.describe() for c in [*measured, *refused])
    if not agreeing:
        raise EngineError(f"no runtime agrees with torch in fp32 at precision {precision}: {said}; use fp32")
    best = min(agreeing, key=lambda name: agreeing[name].milliseconds or 0.0)
    why = f"the fastest that agrees with torch fp32 ({said})"
    remember(file, best, why)
    return opened[best], Choice(best, precision, why, (*measured, *refused))


def _opened(name: str, network: JointNetwork, device: torch.device, precision: str) -> Runtime | Candidate:
    try:
        return open_runtime(name, network, device, precision)
    except RuntimeUnavailableError as error:
        return Candidate(name, refusal=str(error))
    except Exception as error:  # noqa: BLE001 (as above)
        _log.warning("runtime %s cannot be made here: %s", name, error)
        return Candidate(name, refusal=f"it cannot be made: {error}")


@torch.inference_mode()
def _measured(runtimes: dict[str, Runtime], plain: PlainRuntime) -> list[Candidate]:
    pixels = check_pixels(plain.device)
    with one_thread():
        reference = plain(pixels)
    found = []
    for name, runtime in runtimes.items():
        try:
            outputs = runtime(pixels)
            seconds = [_seconds(runtime, pixels) for _ in range(_RUNS)]
        except Exception as error:  # noqa: BLE001 (whatever a foreign runtime raises: another one serves)
            _log.warning("runtime %s does not run here: %s", name, error)
            found.append(Candidate(name, refusal=f"it does not run: {error}"))
            continue
        agrees = agreement(outputs, reference)
        refusal = "" if agrees.sufficient else "it does not agree with torch fp32"
        found.append(Candidate(name, statistics.median(seconds) * 1e3, agrees, refusal))
    return found


def _seconds(runtime: Runtime, pixels: torch.Tensor) -> float:
    start = time.perf_counter()
    runtime(pixels)
    if runtime.device.type == "cuda":  # pragma: no cover (needs CUDA)
        torch.cuda.synchronize(runtime.device)
    return time.perf_counter() - start
