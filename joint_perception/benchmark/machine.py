# SPDX-License-Identifier: Apache-2.0
"""What a run was made on."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.ros.dds import middleware_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGES = ("torch", "openvino", "onnxruntime", "numpy", "opencv-python-headless")


def machine(command: Sequence[str], accelerator: str) -> dict[str, Any]:
    """Processor, load, versions, date.

    Args:
        command: The arguments of `joint_perception benchmark`.
        accelerator: Name of the GPU; empty where there is none.
    """
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "accelerator": accelerator,
        "load": round(os.getloadavg()[0], 2),
        "date": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        "command": " ".join(["joint_perception benchmark", *command]),
        "system": platform.platform(),
        "python": platform.python_version(),
        "distribution": os.environ.get("ROS_DISTRO", ""),
        "middleware": middleware_of(os.environ),
        "packages": {package: found for package in _PACKAGES if (found := _version(package))},
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
