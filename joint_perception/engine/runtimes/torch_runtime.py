# SPDX-License-Identifier: Apache-2.0
"""torch: runs everywhere, on CPUs and on NVIDIA GPUs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from joint_perception.engine.device.cuda_graphs import CudaGraphs
from joint_perception.engine.errors import RuntimeUnavailableError
from joint_perception.engine.preprocess import normalised
from joint_perception.engine.runtimes.graph import PixelNetwork
from joint_perception.engine.runtimes.runtime import Runtime
from joint_perception.network import Outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joint_perception.network import JointNetwork

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class PlainRuntime(Runtime):
    """The network as it stands, in float32: what all others are measured against.

    Args:
        network: Put into evaluation mode and moved to the device.
        device: A torch device.
    """

    name = "torch"

    def __init__(self, network: JointNetwork, device: torch.device) -> None:
        super().__init__(device, "fp32", network.num_classes, network.num_tasks)
        if device.type == "cuda":  # pragma: no cover (needs CUDA)
            torch.backends.cudnn.allow_tf32 = False  # which is torch's default, and has 10 bits of float32's 23
        # Channels last: the layout that CPU and GPU convolutions want; no value changes its place.
        self.network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """As of `Runtime`."""
        outputs: Outputs = self.network(normalised(pixels))
        return outputs


class TorchRuntime(Runtime):
    """Batch normalisation folded, channels last, in the number format asked for; on CUDA through CUDA graphs.

    Args:
        network: Left as it is.
        device: A torch device.
        precision: fp16 on CUDA devices only.

    Raises:
        RuntimeUnavailableError: fp16 on a CPU.
    """

    name = "torch"
    recordable = True

    def __init__(self, network: JointNetwork, device: torch.device, precision: str = "fp32") -> None:
        super().__init__(device, precision, network.num_classes, network.num_tasks)
        if precision == "fp16" and device.type == "cpu":
            raise RuntimeUnavailableError(
                "runtime 'torch' has precision fp16 on CUDA devices only, and the device is the CPU; use bf16 or fp32"
            )
        self.graph = PixelNetwork(network, DTYPES[precision]).to(device)
        self._graphs = CudaGraphs(device)

    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """As of `Runtime`."""
        return as_outputs(self._graphs("heads", self.graph, pixels))

    def unrecorded(self, pixels: torch.Tensor) -> Outputs:
        """As of `Runtime`."""
        return as_outputs(self.graph(pixels))


def as_outputs(heads: tuple[torch.Tensor, ...]) -> Outputs:
    """What a `PixelNetwork` says, as the network says it: channels before rows, without moving a byte."""
    return Outputs(*(head.permute(0, 3, 1, 2) for head in heads))


@contextmanager
def one_thread() -> Iterator[None]:
    """For pictures so small that torch's threads would only wait for one another, on busy cores for a minute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
