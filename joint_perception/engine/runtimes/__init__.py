# SPDX-License-Identifier: Apache-2.0
"""What runs the network: torch, OpenVINO, ONNX Runtime or TensorRT, behind one interface."""

from joint_perception.engine.runtimes.runtime import PRECISIONS, RUNTIMES, Runtime
from joint_perception.engine.runtimes.selection import Choice, choose_runtime, open_runtime

__all__ = ["PRECISIONS", "RUNTIMES", "Choice", "Runtime", "choose_runtime", "open_runtime"]
