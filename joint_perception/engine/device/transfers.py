# SPDX-License-Identifier: Apache-2.0
"""Arrays to a device and tensors back, on a GPU through pinned memory.

Each transfer has a buffer of its own, which torch takes from those that are free again (its caching host allocator)
and gives back when nobody holds it: what one frame brought down stays as it is while the next one is on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def stacked_on(device: torch.device, images: Sequence[npt.NDArray[np.uint8]]) -> torch.Tensor:
    """Images of one shape as one tensor there: (N, H, W, 3) uint8.

    On a GPU the copy is under way when this returns; work of the same stream waits for it.
    """
    if device.type != "cuda":
        return torch.from_numpy(np.stack(images)).to(device)
    buffer = torch.empty((len(images), *images[0].shape), dtype=torch.uint8, pin_memory=True)
    np.stack(images, out=buffer.numpy())
    return buffer.to(device, non_blocking=True)


def on_device(device: torch.device, x: torch.Tensor) -> torch.Tensor:
    """A tensor of the CPU there, as of `stacked_on`."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)


def brought_down(tensors: Sequence[torch.Tensor]) -> list[npt.NDArray[Any]]:
    """The values of tensors of one device on the host, C-contiguous, all there when this returns."""
    if not tensors or tensors[0].device.type != "cuda":
        return [x.contiguous().numpy() for x in tensors]
    buffers = [torch.empty(x.shape, dtype=x.dtype, pin_memory=True) for x in tensors]
    for buffer, x in zip(buffers, tensors, strict=True):
        buffer.copy_(x, non_blocking=True)
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return [buffer.numpy() for buffer in buffers]
