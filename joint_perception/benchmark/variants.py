# SPDX-License-Identifier: Apache-2.0
"""What is compared: the peer node, and this package's node with each runtime and precision."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joint_perception
from joint_perception.benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence

PEER = "peer"
REFERENCE = "fp32"
"""The precision that others are compared with."""


@dataclass(frozen=True)
class Variant:
    """A way to run this package's node.

    Attributes:
        name: In tables and JSON.
        runtime: The node's parameter `runtime`.
        precision: The node's parameter `precision`.
    """

    name: str
    runtime: str
    precision: str


def node_variants(names: Sequence[str]) -> list[Variant]:
    """The variants of those names: a precision, whose runtime is `auto`, or `RUNTIME_PRECISION`.

    Raises:
        BenchmarkError: A name is neither.
    """
    found = []
    for name in names:
        runtime, _, precision = name.rpartition("_")
        if precision not in ("fp32", "fp16", "bf16"):
            raise BenchmarkError(f"variant {name!r} is none of peer, fp32, bf16, fp16 or RUNTIME_PRECISION")
        found.append(Variant(name, runtime or "auto", precision))
    return found


def peer_file() -> Path:
    """The peer node's program: installed beside the configurations, or in the source tree.

    Raises:
        BenchmarkError: It is in neither.
    """
    places = [Path(joint_perception.__file__).resolve().parents[1] / "benchmarks"]
    try:
        from ament_index_python.packages import get_package_share_path  # noqa: PLC0415 (absent without ROS)

        places.append(get_package_share_path("joint_perception") / "benchmarks")
    except (ImportError, LookupError):
        pass
    for place in places:
        if (place / "peer_node.py").is_file():
            return place / "peer_node.py"
    raise BenchmarkError(
        f"peer_node.py is not in {' or '.join(map(str, places))}; install the package again, or name "
        "--variants without it"
    )


def peer_module() -> Any:
    """The peer node's program as a module."""
    spec = importlib.util.spec_from_file_location("peer_node", peer_file())
    if spec is None or spec.loader is None:
        raise BenchmarkError(f"{peer_file()} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
