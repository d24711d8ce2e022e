# SPDX-License-Identifier: Apache-2.0
"""The options `--runtime` and `--precision` of the verbs that run the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

# Those of engine.runtimes, which needs torch to be imported; a test holds them equal.
RUNTIMES = ("auto", "torch", "openvino", "onnxruntime", "tensorrt")
PRECISIONS = ("fp32", "fp16", "bf16")


def add_runtime_options(parser: argparse.ArgumentParser) -> None:
    """Declare them; the default is the one that every machine can run, with the same result."""
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        help="what runs the network (default: torch, for an exported network what reads it; auto: the fastest)",
    )
    parser.add_argument(
        "--precision", default="fp32", choices=PRECISIONS, help="number format of the network's sums (default: fp32)"
    )
