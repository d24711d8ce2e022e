# SPDX-License-Identifier: Apache-2.0
"""The choice of `auto`, kept on disk: only the first start of a machine measures."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from joint_perception.engine.runtimes.cache import cache_directory, digest

if TYPE_CHECKING:
    import torch

    from joint_perception.network import JointNetwork

_PACKAGES = ("torch", "openvino", "onnxruntime", "torch_tensorrt")


def choice_file(network: JointNetwork, device: torch.device, precision: str) -> Path:
    """Where the choice for these weights is kept, on this machine, with these versions of the packages."""
    parts = [digest(network), str(device), precision, _processor(), str(os.cpu_count()), *map(_version, _PACKAGES)]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
    return cache_directory() / "choices" / f"{name}.json"


def recall(path: Path) -> tuple[str, str] | None:
    """The runtime's name and why it was chosen; None where nothing is kept, or nothing that can be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return str(kept["runtime"]), str(kept["why"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(path: Path, runtime: str, why: str) -> None:
    """Keep a choice; where nothing can be written, the next start measures again."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"runtime": runtime, "why": why}), encoding="utf-8")
        part.replace(path)
    except OSError:
        return


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} none"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("model name", "CPU part"))), platform.machine())
