# SPDX-License-Identifier: Apache-2.0
"""What the tests of the network share."""

from __future__ import annotations

import formula_checkpoint
import pytest
import torch
from weights_server import WeightsServer

from joint_perception.network import download


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    # On pictures this small, and cores that others use too, threads wait for one another longer than they work.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def formula():
    """Module that makes weights and pictures by a formula."""
    return formula_checkpoint


@pytest.fixture
def server(monkeypatch):
    """An HTTP server on this machine that serves one file well and in every bad way."""
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr(download, "HTTP_HOSTS", ("127.0.0.1",))
    with WeightsServer() as running:
        yield running


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache for weights; the folder itself does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "joint_perception" / "weights"
