# SPDX-License-Identifier: Apache-2.0
"""Segments whose processes are gone are given back, and only those."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ros_graph

from joint_perception.ros.shared_memory import Reclaimed, reclaim

SEGMENT = "fastrtps_00112233445566aa"
SHARED_MEMORY = Path("/dev/shm")
HOLDER = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def fast_dds(monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")


def left_behind(folder, name=SEGMENT, size=1 << 20, age=60.0):
    """A segment and its lock, as old as that; the lock's path."""
    (folder / name).write_bytes(bytes(size))
    lock = folder / f"{name}_el"
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    return lock


@pytest.mark.parametrize("name", [SEGMENT, "fastdds_ffeeddccbbaa9988"])
def test_what_a_killed_process_left_is_given_back(tmp_path, name):
    left_behind(tmp_path, name)
    assert reclaim(tmp_path) == Reclaimed(1, 1 << 20)
    assert not list(tmp_path.iterdir())
    assert reclaim(tmp_path) == Reclaimed()


def test_a_lock_without_its_segment_goes_too(tmp_path):
    lock = left_behind(tmp_path)
    (tmp_path / SEGMENT).unlink()
    assert reclaim(tmp_path) == Reclaimed(1, 0)
    assert not lock.exists()


def test_a_segment_in_use_stays_until_its_process_is_killed(tmp_path):
    lock = left_behind(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        assert reclaim(tmp_path) == Reclaimed()
        assert (tmp_path / SEGMENT).stat().st_size == 1 << 20
    finally:
        holder.kill()
        holder.communicate()
    assert reclaim(tmp_path) == Reclaimed(1, 1 << 20)


def test_a_segment_in_the_making_stays(tmp_path):
    left_behind(tmp_path, age=1.0)
    assert reclaim(tmp_path) == Reclaimed()
    assert (tmp_path / SEGMENT).exists()


def test_other_files_stay(tmp_path):
    for name in ("fastrtps_port7410", "sem.fastrtps_port7410_mutex", "fastrtps_00112233445566aa0", "mine"):
        left_behind(tmp_path, name)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    (tmp_path / f"{SEGMENT}_el").symlink_to(elsewhere)
    os.utime(elsewhere, (0, 0))
    os.utime(tmp_path / f"{SEGMENT}_el", (0, 0), follow_symlinks=False)
    before = sorted(tmp_path.iterdir())
    assert reclaim(tmp_path) == Reclaimed()
    assert sorted(tmp_path.iterdir()) == before


def test_another_middleware_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    left_behind(tmp_path)
    assert reclaim(tmp_path) == Reclaimed()


def test_no_such_folder_is_no_error(tmp_path):
    assert reclaim(tmp_path / "none") == Reclaimed()


def test_a_node_gives_back_what_a_killed_node_left(graph, start_node, tmp_path):
    """With a real Fast DDS: its locks are where it is said they are, and are held as it is said they are."""
    killed = ros_graph.NodeProcess({"autostart": False}, tmp_path / "killed.log")
    graph.wait(lambda: graph.state() == "unconfigured", "the first node", node=killed)
    held = _segments_of(killed.process.pid)
    assert held, "no lock of Fast DDS is open in the node"
    own = _segments_of(os.getpid())
    killed.process.kill()
    killed.process.wait()
    assert all(path.exists() for path in held), "Fast DDS cleans up by itself: nothing for us to do any more"
    for path in held:  # as old as they are when somebody restarts a robot's node
        os.utime(path, (time.time() - 60.0,) * 2)
    start_node(autostart=False)
    graph.wait(lambda: not any(path.exists() for path in held), "the second node to give them back", ros_graph.START_S)
    assert not any(path.with_name(path.name.removesuffix("_el")).exists() for path in held)
    assert own, "this process has no segment"
    assert all(path.exists() for path in own), "a living process lost its segment"


def _segments_of(pid):
    """Locks of segments that a process has open."""
    opened = (link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists())
    return {path for path in opened if path.parent == SHARED_MEMORY and re.search(r"_[0-9a-f]{16}_el$", path.name)}


def test_the_lock_is_not_kept(tmp_path):
    lock = left_behind(tmp_path)
    (tmp_path / SEGMENT).unlink()
    (tmp_path / SEGMENT).mkdir()  # cannot be unlinked
    assert reclaim(tmp_path) == Reclaimed()
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
