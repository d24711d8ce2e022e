# SPDX-License-Identifier: Apache-2.0
"""Many recordings, and many workers: the same bags, byte for byte, whatever happens to the workers."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

pytest.importorskip("rosbags")

from recordings import drive, read, write_bag

from joint_perception.cli import main, parser
from joint_perception.offline import bag_command, perception
from joint_perception.offline.bags import cluster as module
from joint_perception.offline.bags.errors import BagError
from joint_perception.offline.bags.parts import Parts
from joint_perception.offline.bags.run import local_runner, process

FRAMES, CHUNK = 24, 2


@contextmanager
def threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def content(bag):
    return {file.name: file.read_bytes() for file in sorted(bag.iterdir())}


def test_several_recordings_become_a_folder_of_bags(process, arguments, one_engine, tmp_path):
    bags = [write_bag(tmp_path / name, drive(2, seed=seed)) for name, seed in (("one", 0), ("two", 5))]
    expected = [content(process(bag, out=f"alone/{bag.name}")) for bag in bags]

    words = arguments(bags[0], tmp_path / "out")
    assert main([words[0], *map(str, bags), *words[2:]]) == 0

    assert [content(tmp_path / "out" / bag.name) for bag in bags] == expected


def test_what_is_done_is_not_done_again_and_what_is_bad_stops_no_other(arguments, one_engine, tmp_path, capsys):
    good, bad = write_bag(tmp_path / "good", drive(2)), tmp_path / "bad.mcap"
    bad.write_bytes(b"no recording")
    words = arguments(good, tmp_path / "out")
    words = [words[0], str(bad), str(good), *words[2:]]

    assert main(words) == 1
    told = capsys.readouterr()
    before = (tmp_path / "out" / "good" / "metadata.yaml").stat().st_mtime_ns
    assert main(words) == 1

    assert "bad.mcap" in told.err
    assert "2 frames" in told.out
    assert (tmp_path / "out" / "good" / "metadata.yaml").stat().st_mtime_ns == before


def test_two_recordings_of_one_name_are_refused(arguments, tmp_path, capsys):
    bags = [write_bag(tmp_path / folder / "drive", drive(1)) for folder in ("a", "b")]
    words = arguments(bags[0], tmp_path / "out")

    assert main([words[0], *map(str, bags), *words[2:]]) == 1

    assert "would become one bag" in capsys.readouterr().err


def test_without_ray_the_error_says_what_to_install(arguments, one_engine, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)

    assert main(arguments(write_bag(tmp_path / "in", drive(1)), tmp_path / "out", "--cluster", "auto")) == 1

    assert "`pip install ray`" in capsys.readouterr().err


# --- with Ray ----------------------------------------------------------------------------------------

slow_with_ray = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def job(arguments, tmp_path):
    """A job of many small chunks, and its settings."""
    options = parser().parse_args(arguments(tmp_path / "in", tmp_path / "out"))
    settings = perception.settings_from(options)
    return dataclasses.replace(bag_command.job_from(options, settings), chunk=CHUNK), settings


@pytest.fixture
def recording(tmp_path):
    return write_bag(tmp_path / "in", drive(FRAMES))


@pytest.fixture
def expected(job, recording, tmp_path):
    """The bag that one machine makes."""
    work, settings = job
    with threads(1):
        process(recording, work, tmp_path / "local" / "bag", local_runner(lambda: perception.load(settings)))
    return content(tmp_path / "local" / "bag")


class TestOnRay:
    pytestmark = slow_with_ray

    @pytest.fixture(autouse=True)
    def _ray(self):
        pytest.importorskip("ray")

    @pytest.mark.parametrize("visible", [True, False])
    def test_a_killed_worker_s_frames_are_redone(self, visible, job, recording, expected, tmp_path, monkeypatch):
        work, settings = job
        out = tmp_path / "cluster" / "bag"
        parts, killed = out.with_name("bag.partial") / "parts", []

        with threads(1), module.Cluster("auto", settings, workers=2) as cluster:
            before = cluster.processes()
            if not visible:  # as where the workers do not have our files: they look for a marker that nobody made
                monkeypatch.setattr(module.Path, "touch", lambda *_: None)

            def kill():
                while not (parts.is_dir() and Parts(parts).done()):
                    time.sleep(0.01)
                killed.append(len(Parts(parts).done()))
                os.kill(before[0], signal.SIGKILL)

            killer = threading.Thread(target=kill)
            killer.start()
            outcome = process(recording, work, out, cluster.runner)
            killer.join()
            after = cluster.processes()

        assert 0 < killed[0] < FRAMES / CHUNK, "it was killed too late to prove anything"
        assert (after[0] != before[0], after[1]) == (True, before[1])
        assert [report.index for report in outcome.reports] == list(range(FRAMES // CHUNK))
        assert content(out) == expected
        times = [time for time, _ in read(out)["/joint_perception/label"]]
        assert times == sorted(set(times))
        assert len(times) == FRAMES

    def test_the_command_on_several_recordings(self, arguments, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # relative paths, which workers in other folders must find
        bags = [write_bag(Path(name), drive(3, seed=seed)) for name, seed in (("one", 0), ("two", 5))]
        words = arguments(bags[0], "out")
        words = [words[0], *map(str, bags), *words[2:]]
        with threads(1):
            assert main(words) == 0
            on_ray = ["ray" if word == "out" else word for word in words]
            assert main([*on_ray, "--cluster", "auto"]) == 0

        for bag in bags:
            assert content(tmp_path / "ray" / bag.name) == content(tmp_path / "out" / bag.name)

    def test_a_cluster_that_is_not_there(self, job):
        with (
            pytest.raises(BagError, match=r"'127\.0\.0\.1:1'.*ray start --head"),
            module.Cluster("127.0.0.1:1", job[1]),
        ):
            pass

    def test_more_workers_than_room(self, job):
        with threads(1), pytest.raises(BagError, match=r"room for \d+ workers of 1 cores each, and 999 are asked for"):
            module.Cluster("auto", job[1], workers=999).__enter__()

    def test_weights_that_a_worker_cannot_load_are_named(self, job):
        settings = job[1] | {"weights": "/gone/weights.ckpt"}

        with (
            threads(1),
            pytest.raises(BagError, match=r"/gone/weights\.ckpt"),
            module.Cluster("auto", settings, workers=1),
        ):
            pass
