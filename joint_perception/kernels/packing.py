# SPDX-License-Identifier: Apache-2.0
"""Back-projection and the bytes of a cloud, in one pass."""

from __future__ import annotations

import numpy as np

from joint_perception.kernels.compiler import compiled

# ruff: noqa: ANN001, ANN201, D417 (types come from the arguments)
# mypy: disable-error-code="no-untyped-def"


@compiled()
def pack(
    image,
    labels,
    depth,
    confidence,
    rays_x,
    rays_y,
    stride,
    dropped,
    limited,
    min_range,
    max_range,
    values,
    bits,
):
    """Fill a cloud.

    Args:
        image: (H, W, 3) uint8.
        labels: (H, W) uint8.
        depth: (H, W) float32 metres, NaN where there is none.
        confidence: (H, W) float32; (0, 0): not known.
        rays_x: (W,) float32, x / z of each column.
        rays_y: (H,) float32, y / z of each row.
        stride: Every n-th row and column.
        dropped: (256,) bool: the labels that get no point.
        limited: Whether the distance is looked at.
        min_range, max_range: float32 metres.
        values: (H', W', 6) float32, written: x, y, z, rgb, label, confidence.
        bits: The same memory as uint32.
    """
    nan = np.float32(np.nan)
    known = confidence.shape[0] > 0
    for row in range(values.shape[0]):
        y = row * stride
        for column in range(values.shape[1]):
            x = column * stride
            z = depth[y, x]
            label = labels[y, x]
            if dropped[label]:
                z = nan
            if limited:
                square = (np.float32(1) + rays_x[x] * rays_x[x]) + rays_y[y] * rays_y[y]
                distance = z * np.float32(np.sqrt(square))
                if not min_range <= distance <= max_range:
                    z = nan
            values[row, column, 0] = z * rays_x[x]
            values[row, column, 1] = z * rays_y[y]
            values[row, column, 2] = z
            red, green, blue = np.uint32(image[y, x, 0]), np.uint32(image[y, x, 1]), np.uint32(image[y, x, 2])
            bits[row, column, 3] = (red << np.uint32(16)) | (green << np.uint32(8)) | blue
            bits[row, column, 4] = label
            values[row, column, 5] = confidence[y, x] if known else nan
