# SPDX-License-Identifier: Apache-2.0
"""Back-projection and the bytes of a cloud, on the device where the depth is.

The same as `geometry.make_cloud`, operation for operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Selection(NamedTuple):
    """Which pixels become points, and how they are coloured.

    Attributes:
        rows: First row of the image and the row after the last.
        columns: The same of columns.
        stride: Every n-th of both.
        edge_filter: See `geometry.CloudOptions`; 0: off.
        ranges: Least and greatest distance in metres; None: any.
        by_class: Whether the colours are a palette's in place of the image's.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    stride: int
    edge_filter: float
    ranges: tuple[float, float] | None
    by_class: bool


class Tables(NamedTuple):
    """What is the same for many frames, as arrays on the host.

    Attributes:
        rays_x: (W,) float32, x / z of each column.
        rays_y: (H,) float32, y / z of each row.
        dropped: (256,) bool, labels that get no point.
        palette: (256, 3) uint8 RGB by label.
    """

    rays_x: npt.NDArray[np.float32]
    rays_y: npt.NDArray[np.float32]
    dropped: npt.NDArray[np.bool_]
    palette: npt.NDArray[np.uint8]


def pack(
    selection: Selection,
    image: torch.Tensor,
    labels: torch.Tensor,
    depth: torch.Tensor,
    rays_x: torch.Tensor,
    rays_y: torch.Tensor,
    dropped: torch.Tensor,
    palette: torch.Tensor,
    confidence: torch.Tensor | None = None,
) -> torch.Tensor:
    """Back-project pixels.

    Args:
        selection: Which.
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 class ids.
        depth: (H, W) float32 metres, NaN where there is none.
        rays_x: See `Tables`, as the next ones.
        rays_y: (H,).
        dropped: (256,).
        palette: (256, 3).
        confidence: (H, W) float32; None: not known.

    Returns:
        (h, w, 6) float32, contiguous: as of `geometry.Cloud`.
    """
    if selection.edge_filter > 0:  # before the stride: neighbours are those in the image
        depth = depth.masked_fill(_flying(depth, selection.edge_filter), torch.nan)
    rows, columns = (slice(*part, selection.stride) for part in (selection.rows, selection.columns))
    image, labels, depth = image[rows, columns], labels[rows, columns].int(), depth[rows, columns]
    x, y = rays_x[columns].unsqueeze(0), rays_y[rows].unsqueeze(1)
    z = depth.masked_fill(dropped[labels], torch.nan)
    if selection.ranges is not None:
        least, greatest = selection.ranges
        distance = z * torch.sqrt((1 + x * x) + y * y)
        z = z.masked_fill(~((distance >= least) & (distance <= greatest)), torch.nan)
    red, green, blue = (palette[labels] if selection.by_class else image).int().unbind(2)
    bits = (red << 16) | (green << 8) | blue
    certain = torch.full_like(z, torch.nan) if confidence is None else confidence[rows, columns]
    return torch.stack((z * x, z * y, z, bits.view(torch.float32), labels.view(torch.float32), certain), dim=2)


def _flying(depth: torch.Tensor, threshold: float) -> torch.Tensor:
    """As `geometry.flying_pixels`."""
    flying = torch.zeros_like(depth, dtype=torch.bool)
    for axis in (0, 1):
        size = depth.shape[axis] - 1
        first, second = depth.narrow(axis, 0, size), depth.narrow(axis, 1, size)
        step = (second - first).abs() > threshold * torch.minimum(first, second)  # False where NaN
        flying.narrow(axis, 0, size).logical_or_(step)
        flying.narrow(axis, 1, size).logical_or_(step)
    return flying
