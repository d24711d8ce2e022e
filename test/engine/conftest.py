# SPDX-License-Identifier: Apache-2.0
"""What the tests of the engine share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Images this small gain nothing from more threads; on busy cores they would wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
