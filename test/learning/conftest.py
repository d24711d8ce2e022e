# SPDX-License-Identifier: Apache-2.0
"""What the tests of learning share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def layouts():
    """Module that writes tiny data sets in the layouts of the real ones."""
    spec = importlib.util.spec_from_file_location("joint_perception_test_layouts", HERE / "datasets" / "layouts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def real_camvid():
    """The folder of the real CamVid; the test is skipped where it is not at hand."""
    root = HERE.parents[2] / "shared" / "data" / "camvid"
    if not root.is_dir():
        pytest.skip("CamVid is not here")
    return root
