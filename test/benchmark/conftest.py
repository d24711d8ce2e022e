# SPDX-License-Identifier: Apache-2.0
"""Two pictures, small and with something to see in them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from joint_perception.benchmark.pictures import drawn


@pytest.fixture(scope="session")
def image_files(tmp_path_factory):
    """Image files as `--images` takes them."""
    folder = tmp_path_factory.mktemp("images")
    files = [folder / f"{i}.png" for i in range(2)]
    for file, picture in zip(files, drawn(160, 120, 2), strict=True):
        cv2.imwrite(str(file), np.ascontiguousarray(picture.frame.image[..., ::-1]))
    return files
