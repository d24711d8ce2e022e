# SPDX-License-Identifier: Apache-2.0
"""Depth images of other cameras to metres."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.pipeline.errors import FrameError

if TYPE_CHECKING:
    import numpy.typing as npt
    from sensor_msgs.msg import Image

# Encodings by REP-118, and what one of their units is in metres.
ENCODINGS = {"32FC1": ("f4", 1.0), "16UC1": ("u2", 1e-3), "mono16": ("u2", 1e-3)}


def to_metres(message: Image) -> npt.NDArray[np.float32]:
    """Read a depth image.

    Args:
        message: A sensor_msgs/Image; nothing it says of itself is believed unchecked.

    Returns:
        (H, W) float32 metres along the optical axis; NaN where there is no measurement.

    Raises:
        FrameError: No depth image, no pixels, or too few bytes.
    """
    if message.encoding not in ENCODINGS:
        raise FrameError(
            "unknown_encoding",
            f"depth encoding is {message.encoding[:40]!r}; it can be {', '.join(ENCODINGS)}: name a raw depth topic",
        )
    kind, unit = ENCODINGS[message.encoding]
    dtype = np.dtype(kind)
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = np.frombuffer(message.data, np.uint8)
    if height == 0 or width == 0 or step < width * dtype.itemsize or data.size < step * height:
        raise FrameError(
            "truncated_data",
            f"depth image of {width}x{height} {message.encoding} pixels has step {step} and {data.size} bytes; check "
            "the camera driver",
        )
    rows = np.ascontiguousarray(data[: step * height].reshape(height, step)[:, : width * dtype.itemsize]).view(dtype)
    if bool(message.is_bigendian) == (sys.byteorder == "little"):
        rows = rows.byteswap()
    depth: npt.NDArray[np.float32] = rows.astype(np.float32) * np.float32(unit)
    depth[~(np.isfinite(depth) & (depth > 0))] = np.nan
    return depth
