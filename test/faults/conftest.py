# SPDX-License-Identifier: Apache-2.0
"""One node for nearly all faults: two cameras, one of them compressed, and an engine that fails where asked to.

After each test it must be the same living process, active, with frames coming out.
"""

from __future__ import annotations

from collections import Counter

import faulty_node
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from fault_bench import Bench


@pytest.fixture(scope="session")
def weights(tmp_path_factory, checkpoints):
    """A file of weights that tests may replace, truncate and remove."""
    path = tmp_path_factory.mktemp("weights") / "replaceable.ckpt"
    path.write_bytes(checkpoints(6).read_bytes())
    return path


@pytest.fixture(scope="package")
def running(weights, tmp_path_factory):
    """The node and its graph, for all tests of this folder."""
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(faulty_node.RELEASE, str(folder / "release"))
        bench = Bench(weights, folder)
    yield bench
    bench.graph.close()
    assert bench.node.interrupt() == 0, bench.node.log


@pytest.fixture
def bench(running):
    """The node, before and after: alive, active, and the next good frame comes out."""
    running.begin()
    yield running
    assert running.node.process.poll() is None, running.node.log
    running.good()


@pytest.fixture
def diagnostics(bench):
    """What came on /diagnostics since the test began."""
    heard: Counter[tuple[int, str]] = Counter()

    def keep(message):
        for status in message.status:
            heard[(status.level[0], status.message)] += 1

    subscription = bench.graph.node.create_subscription(DiagnosticArray, "/diagnostics", keep, 10)
    yield heard
    bench.graph.node.destroy_subscription(subscription)
