# SPDX-License-Identifier: Apache-2.0
"""What is still on the device of a frame whose prediction has come down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from joint_perception.engine.device.cloud import pack
from joint_perception.engine.device.transfers import brought_down, on_device

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from joint_perception.engine.device.cloud import Selection, Tables
    from joint_perception.engine.device.cuda_graphs import CudaGraphs
    from joint_perception.engine.recent import Recent


@dataclass(frozen=True)
class Resident:
    """A frame and what was decided of it, on the device.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 ids.
        depth: (H, W) float32 metres, NaN where there is none.
        confidence: (H, W) float32 0..1; None: not computed.
        graphs: What records the packing of clouds.
        tables: What earlier frames' clouds needed, as tensors.
        newest: Whether the tensors still hold this frame.
    """

    image: torch.Tensor
    labels: torch.Tensor
    depth: torch.Tensor
    confidence: torch.Tensor | None
    graphs: CudaGraphs
    tables: Recent[tuple[torch.Tensor, ...]]
    newest: Callable[[], bool]

    @torch.inference_mode()
    def cloud(self, selection: Selection, tables: Tables) -> npt.NDArray[np.float32] | None:
        """The data of the frame's `geometry.Cloud`, (h, w, 6) float32; None: later frames took the place of this one.

        Args:
            selection: Which pixels become points.
            tables: Rays, labels and colours.
        """
        if not self.newest():
            return None
        device = self.depth.device
        kept = self.tables.get(
            tuple(table.tobytes() for table in tables),
            lambda: tuple(on_device(device, torch.from_numpy(table.copy())) for table in tables),
        )
        sure = () if self.confidence is None else (self.confidence,)
        work = partial(_packed, selection)
        (data,) = brought_down(self.graphs(selection, work, self.image, self.labels, self.depth, *kept, *sure))
        return data


def _packed(selection: Selection, *inputs: torch.Tensor) -> tuple[torch.Tensor]:
    return (pack(selection, *inputs),)
