# SPDX-License-Identifier: Apache-2.0
"""TensorRT through torch_tensorrt, where that is installed. Not run by this project: there was no such machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from joint_perception.engine.errors import RuntimeUnavailableError
from joint_perception.engine.runtimes.graph import PixelNetwork
from joint_perception.engine.runtimes.runtime import Runtime
from joint_perception.engine.runtimes.torch_runtime import DTYPES, as_outputs

if TYPE_CHECKING:
    from joint_perception.network import JointNetwork, Outputs


class TensorRtRuntime(Runtime):
    """The graph compiled by TensorRT, anew for each shape of input.

    Args:
        network: Left as it is.
        device: A CUDA device.
        precision: fp32, fp16 or bf16.

    Raises:
        RuntimeUnavailableError: No package, or another device.
    """

    name = "tensorrt"

    def __init__(self, network: JointNetwork, device: torch.device, precision: str = "fp32") -> None:
        if device.type != "cuda":
            raise RuntimeUnavailableError(
                f"runtime 'tensorrt' runs on CUDA devices, and the device is {device}; use auto or torch"
            )
        try:
            import torch_tensorrt  # noqa: PLC0415 (optional)
        except ImportError as error:
            raise RuntimeUnavailableError(
                f"runtime 'tensorrt' needs the package torch_tensorrt ({error}); install the one for torch "
                f"{torch.__version__}: pip install torch-tensorrt"
            ) from error
        super().__init__(device, precision, network.num_classes, network.num_tasks)
        self._bridge = torch_tensorrt
        self._graph = PixelNetwork(network, DTYPES[precision]).to(device)
        self._compiled: dict[tuple[int, ...], Any] = {}

    @torch.inference_mode()
    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """As of `Runtime`."""
        shape = tuple(pixels.shape)
        pixels = pixels.float()  # TensorRT's graphs take no bytes
        if shape not in self._compiled:
            self._compiled[shape] = self._bridge.compile(
                self._graph, ir="dynamo", inputs=[pixels], enabled_precisions={DTYPES[self.precision]}
            )
        return as_outputs(tuple(head.float() for head in self._compiled[shape](pixels)))
