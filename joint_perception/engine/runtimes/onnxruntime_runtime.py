# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on the CPU. An optional package."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from joint_perception.engine.errors import RuntimeUnavailableError
from joint_perception.engine.runtimes.cache import cached_file, digest
from joint_perception.engine.runtimes.graph import PixelNetwork
from joint_perception.engine.runtimes.runtime import Runtime
from joint_perception.engine.runtimes.torch_runtime import as_outputs, one_thread

if TYPE_CHECKING:
    from pathlib import Path

    from joint_perception.network import JointNetwork, Outputs

_TRACED = (1, 64, 96, 3)  # the size does not stay in the graph
_OPSET = 17
_HEADS = ("segm", "depth", "normal")


class OnnxRuntime(Runtime):
    """The graph in ONNX Runtime's own kernels for CPUs.

    Args:
        network: Left as it is.
        device: The CPU.
        precision: fp32, the only one it computes convolutions in on CPUs.

    Raises:
        RuntimeUnavailableError: No package, another device or another precision.
    """

    name = "onnxruntime"

    def __init__(self, network: JointNetwork, device: torch.device, precision: str = "fp32") -> None:
        if device.type != "cpu":
            raise RuntimeUnavailableError(
                f"runtime 'onnxruntime' runs on the CPU here, and the device is {device}; use torch"
            )
        if precision != "fp32":
            raise RuntimeUnavailableError(f"runtime 'onnxruntime' has no precision {precision} on CPUs; use fp32")
        package = _onnxruntime()
        super().__init__(device, precision, network.num_classes, network.num_tasks)
        options = package.SessionOptions()
        options.log_severity_level = 3  # errors
        self._session = package.InferenceSession(str(_exported(network)), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    @torch.inference_mode()
    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """As of `Runtime`."""
        found = self._session.run(None, {self._input: pixels.float().numpy()})
        return as_outputs(tuple(torch.from_numpy(head) for head in found[: self.num_tasks]))


def export(network: JointNetwork, path: Path) -> None:
    """Write the network as an ONNX model of any size: float32 pixels as of `PixelNetwork` in, its heads out."""
    graph = PixelNetwork(network).cpu()
    names = list(_HEADS[: network.num_tasks])
    axes = {0: "batch", 1: "height", 2: "width"}
    with torch.inference_mode(), one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, of its own future
        torch.onnx.export(
            graph,
            (torch.zeros(_TRACED),),
            str(path),
            input_names=["pixels"],
            output_names=names,
            dynamic_axes={"pixels": axes, **{name: {0: "batch", 1: "h", 2: "w"} for name in names}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _onnxruntime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 (optional, and slow to load)
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"runtime 'onnxruntime' needs the package onnxruntime ({error}); install it: pip install onnxruntime onnx"
        ) from error
    return onnxruntime


def _exported(network: JointNetwork) -> Path:
    try:
        path = cached_file(f"{digest(network)}.onnx", lambda path: export(network, path))
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"runtime 'onnxruntime' needs the package onnx to convert weights ({error}); install it: pip install onnx"
        ) from error
    if path is None:
        raise RuntimeUnavailableError(
            "runtime 'onnxruntime' needs a place for the converted model; make XDG_CACHE_HOME a writable folder"
        )
    return path
