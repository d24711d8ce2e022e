# SPDX-License-Identifier: Apache-2.0
"""What the network costs at least on a device: its work counted, the device's ceilings measured.

The roofline model, Williams et al., Communications of the ACM 52(4), 2009: no layer is faster than its multiplications
at the fastest rate that a big matrix product reaches, nor than its bytes at the rate of a big copy.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from joint_perception.engine.runtimes.graph import folded

if TYPE_CHECKING:
    from collections.abc import Callable

    from joint_perception.network import JointNetwork

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16")}
_ORDER = {"cpu": 1536, "cuda": 8192}  # of the matrices
_COPIED = {"cpu": 1 << 28, "cuda": 1 << 31}  # bytes: no cache holds them
_RUNS = 15


def work(network: JointNetwork, size: tuple[int, int]) -> dict[str, float]:
    """Counted layer by layer, with batch normalisation folded.

    Args:
        network: Left as it is.
        size: (height, width) of one image.

    Returns:
        `gmac`: 1e9 multiplications with addition, of convolutions. `mvalues`: 1e6 values that these read and write if
        each holds its inputs, weights and outputs once; poolings and sums come on top.
    """
    counted = {"gmac": 0.0, "mvalues": 0.0}

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            counted["gmac"] += output.numel() * layer.weight[0].numel() / 1e9
            counted["mvalues"] += (inputs[0].numel() + layer.weight.numel() + output.numel()) / 1e6

    shapes = folded(network).to("meta")  # nothing is computed there
    for layer in shapes.modules():
        layer.register_forward_hook(count)
    shapes(torch.empty(1, 3, *size, device="meta"))
    return counted


def ceilings(device: torch.device) -> dict[str, Any]:
    """`gmac_s` by precision, and `gb_s` of a copy, read and write counted: medians."""
    kind = device.type
    rates = {}
    for precision in _PRECISIONS[kind]:
        a, b = (torch.rand(_ORDER[kind], _ORDER[kind], device=device).to(DTYPES[precision]) for _ in range(2))
        out = torch.empty_like(a)
        rates[precision] = _ORDER[kind] ** 3 / 1e9 / _seconds(partial(torch.mm, a, b, out=out), device)
    source = torch.zeros(_COPIED[kind] // 4, device=device)
    target = torch.empty_like(source)
    return {"gmac_s": rates, "gb_s": 2 * _COPIED[kind] / 1e9 / _seconds(partial(target.copy_, source), device)}


@torch.inference_mode()
def _seconds(run: Callable[[], Any], device: torch.device) -> float:
    taken = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        run()
        if device.type == "cuda":  # pragma: no cover (needs CUDA)
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def roofline(counted: dict[str, float], measured: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The least milliseconds of the network for an image, by precision.

    Args:
        counted: As of `work`.
        measured: As of `ceilings`.
    """
    found = {}
    for precision, rate in measured["gmac_s"].items():
        megabytes = counted["mvalues"] * DTYPES[precision].itemsize
        found[precision] = {
            "gmac": counted["gmac"],
            "gmac_s": rate,
            "compute_ms": counted["gmac"] / rate * 1e3,
            "mb": megabytes,
            "gb_s": measured["gb_s"],
            "memory_ms": megabytes / measured["gb_s"],
        }
    return found
