# SPDX-License-Identifier: Apache-2.0
"""The process killed and started again, under another clock, beside its own double, until it gives up by itself."""

from __future__ import annotations

import re

import faulty_node
import pytest
import rclpy
from builtin_interfaces.msg import Time
from fault_bench import Bench
from own_domain import domain_of
from rosgraph_msgs.msg import Clock

pytestmark = pytest.mark.timeout(400)  # each starts nodes, one after the other


@pytest.fixture
def start(tmp_path, checkpoints, monkeypatch):
    """Start a node in a ROS domain of its own; killed when the test ends."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain_of("killed nodes")))
    benches = []

    def make(**parameters):
        folder = tmp_path / str(len(benches))
        folder.mkdir()
        monkeypatch.setenv(faulty_node.RELEASE, str(folder / "release"))
        benches.append(Bench(checkpoints(6), folder, **parameters))
        return benches[-1]

    yield make
    for bench in benches:
        bench.graph.close()
        bench.node.process.kill()
        bench.node.process.wait()


@pytest.mark.slow
def test_killed_in_the_midst_of_a_frame_and_started_again(start):
    for _ in range(3):
        bench = start()
        bench.begin()
        bench.good()
        for seed in range(3):
            bench.graph.send(*bench.frame(seed))
        bench.node.process.kill()
        bench.graph.close()


def test_under_another_clock_until_it_gives_up(start):
    again = start(use_sim_time=True, watchdog__max_stuck=0)  # a clock that nobody publishes, at first
    again.begin()
    again.good()
    clock = again.graph.node.create_publisher(Clock, "/clock", 1)
    for seconds in (5_000, 5_001, 3, 2_000_000_000):
        for _ in range(5):
            clock.publish(Clock(clock=Time(sec=seconds)))
            again.graph.spin(0.02)
        again.good()

    assert again.set("watchdog.timeout", 1.5)[0]
    again.hang(on=True)
    again.graph.wait(
        lambda: (
            again.graph.send(*again.frame(fault=faulty_node.HANG))
            or again.graph.spin(0.2)
            or again.node.process.poll() is not None
        ),
        "the process to give up",
    )
    assert again.node.process.returncode == 70, again.node.log
    assert "stuck in the stage 'network'" in again.node.log
    assert "it ends with exit status 70" in again.node.log


@pytest.mark.slow
def test_a_lost_device_without_fallback_ends_the_process_for_its_supervisor(start):
    bench = start(cpu_fallback=False)
    bench.begin()
    bench.good()
    bench.graph.wait(
        lambda: (
            bench.graph.send(*bench.frame(fault=faulty_node.LOST))
            or bench.graph.spin(0.2)
            or bench.node.process.poll() is not None
        ),
        "the process to give up",
    )
    assert bench.node.process.returncode == 70, bench.node.log
    assert "cuda:0 is lost" in bench.node.log


def test_a_second_node_of_the_same_name_is_reported_and_harmless(bench, diagnostics):
    # Nodes that other tests have killed are discovered still, for as long as their lease lasts.
    diagnostics.clear()
    bench.graph.wait(lambda: diagnostics, "diagnostics", node=bench.node)
    before = _namesakes(diagnostics)
    double = rclpy.create_node("joint_perception", context=bench.graph.context)
    try:
        bench.graph.wait(lambda: _namesakes(diagnostics) > before, "an error on /diagnostics", node=bench.node)
        bench.good()
    finally:
        double.destroy_node()


def _namesakes(diagnostics):
    """Most nodes of the name that an error has told of; 1 without an error."""
    told = [re.search(r"(\d+) nodes are called /joint_perception", text) for level, text in diagnostics if level == 2]
    return max((int(match[1]) for match in told if match), default=1)


@pytest.mark.slow
def test_two_perception_nodes_of_one_name_both_live(start):
    first, second = start(), start()
    for bench in (first, second):
        bench.begin()
        bench.good()
        bench.said("2 nodes are called /joint_perception")
        assert bench.node.process.poll() is None
    assert second.node.interrupt() == 0
    first.good()
