# SPDX-License-Identifier: Apache-2.0
"""Depth images of other cameras, by REP-118."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from joint_perception.pipeline.depth_images import to_metres
from joint_perception.pipeline.errors import FrameError


def message(pixels, encoding, padding=0, big_endian=False):
    pixels = pixels.astype(pixels.dtype.newbyteorder(">" if big_endian else "<"))
    rows = [row.tobytes() + b"\xff" * padding for row in pixels]
    height, width = pixels.shape
    return SimpleNamespace(
        encoding=encoding,
        height=height,
        width=width,
        step=len(rows[0]),
        is_bigendian=int(big_endian),
        data=b"".join(rows),
    )


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
def test_millimetres(encoding, big_endian, padding):
    pixels = np.array([[0, 1], [1500, 65535]], np.uint16)

    metres = to_metres(message(pixels, encoding, padding, big_endian))

    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, [[np.nan, 0.001], [1.5, 65.535]], rtol=1e-6)


@pytest.mark.parametrize("big_endian", [False, True])
def test_metres(big_endian):
    pixels = np.array([[np.nan, np.inf, -np.inf], [0.0, -1.0, 2.25]], np.float32)

    metres = to_metres(message(pixels, "32FC1", 4, big_endian))

    np.testing.assert_array_equal(metres, [[np.nan] * 3, [np.nan, np.nan, 2.25]])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"encoding": "rgb8"}, "'rgb8'; it can be 32FC1, 16UC1, mono16"),
        ({"data": b"1234"}, "4 bytes"),
        ({"step": 2}, "step 2"),
        ({"width": 0}, "0x2"),
        ({"height": 10**9}, "bytes"),
    ],
)
def test_what_it_says_of_itself_is_checked(change, told):
    found = message(np.ones((2, 3), np.float32), "32FC1")
    for name, value in change.items():
        setattr(found, name, value)

    with pytest.raises(FrameError, match=told):
        to_metres(found)
