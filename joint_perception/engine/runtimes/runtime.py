# SPDX-License-Identifier: Apache-2.0
"""What every runtime offers the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from joint_perception.engine.errors import EngineError

if TYPE_CHECKING:
    import torch

    from joint_perception.network import Outputs

RUNTIMES = ("auto", "torch", "openvino", "onnxruntime", "tensorrt")
PRECISIONS = ("fp32", "fp16", "bf16")


class Runtime(ABC):
    """Pixels in, the heads' outputs out.

    Args:
        device: Where the pixels are taken and the outputs are left.
        precision: Of the sums inside: `fp32`, `fp16` or `bf16`. Pixels and outputs are not touched by it.
        num_classes: Channels of the segmentation head.
        num_tasks: 2 (segmentation, depth) or 3 (and normals).

    Attributes:
        name: As of the parameter `runtime`.
        recordable: Whether `unrecorded` can be part of a CUDA graph: it launches kernels and does nothing else.
    """

    name: str
    recordable = False

    def __init__(self, device: torch.device, precision: str, num_classes: int, num_tasks: int) -> None:
        if precision not in PRECISIONS:
            raise EngineError(f"precision {precision!r} is not one of {', '.join(PRECISIONS)}")
        self.device, self.precision = device, precision
        self.num_classes, self.num_tasks = num_classes, num_tasks

    @abstractmethod
    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """Run the network.

        Args:
            pixels: (N, H, W, 3) RGB 0..255 on the device, contiguous; uint8, or float32 where they were resized.

        Returns:
            float32 on the device; fastest where it lies channels last in memory.
        """

    def unrecorded(self, pixels: torch.Tensor) -> Outputs:
        """The same as a call, without CUDA graphs of the runtime's own."""
        return self(pixels)

    def part(
        self,
        pixels: torch.Tensor,
        channels: range,  # noqa: ARG002 (for those that can do with less)
        *,
        normals: bool,  # noqa: ARG002
    ) -> tuple[Outputs, int]:
        """Run what is wanted of the network; a runtime that gains nothing by that runs all.

        Args:
            pixels: As of `__call__`.
            channels: Of the segmentation head, those that are wanted.
            normals: Whether the head for normals is.

        Returns:
            The outputs, and which channel of the segmentation head their first one is.
        """
        return self(pixels), 0

    def describe(self) -> str:
        """In words, for logs: `openvino fp32 on cpu`."""
        return f"{self.name} {self.precision} on {self.device}"
