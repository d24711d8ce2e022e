# SPDX-License-Identifier: Apache-2.0
"""Devices by name."""

from __future__ import annotations

import torch

from joint_perception.engine.errors import EngineError


def select_device(name: str) -> torch.device:
    """The torch device of that name: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        EngineError: The name is none of these, or there is no such CUDA device here.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdecimal()) or name in ("cpu:", "cuda:"):
        raise EngineError(f"device {name!r} is not one of auto, cpu, cuda, cuda:N")
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        raise EngineError(
            f"device {name!r} is not on this machine, torch {torch.__version__} sees {count} CUDA devices; use "
            "device auto or cpu, or install the NVIDIA driver and a CUDA build of torch"
        )
    return torch.device("cuda", int(index or 0))  # pragma: no cover (needs CUDA)
