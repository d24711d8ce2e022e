# SPDX-License-Identifier: Apache-2.0
"""`joint_perception weights`: what it prints, and what it returns to the shell."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from dataclasses import replace

import pytest
from weights_server import WeightsServer

from joint_perception.network import NAMED_WEIGHTS, WeightsError, download
from joint_perception.offline import weights_command


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; the folder itself does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "joint_perception" / "weights"


@pytest.fixture
def server(monkeypatch):
    """A server that stands in for the authors': `kitti` is to be had from it, and `nyud` is not."""
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr(download, "HTTP_HOSTS", ("127.0.0.1",))
    with WeightsServer() as running:
        for name in list(NAMED_WEIGHTS):
            monkeypatch.delitem(NAMED_WEIGHTS, name)
        monkeypatch.setitem(NAMED_WEIGHTS, "kitti", running.weights("good"))
        yield running


def weights(*arguments):
    parser = argparse.ArgumentParser(prog="joint_perception")
    weights_command.add_parser(parser.add_subparsers(required=True))
    options = parser.parse_args(["weights", *arguments])
    return options.run(options)


def test_list_tells_what_there_is_and_what_it_may_be_used_for(cache, capsys):
    assert weights("list") == 0

    shown = capsys.readouterr().out
    rows = {line.split()[0]: line for line in shown.splitlines() if line}
    assert {name: rows[name].split()[1] for name in NAMED_WEIGHTS} == {
        "nyud": "nyud",
        "nyud_three": "nyud",
        "kitti": "kitti",
        "nyud_kitti": "nyud_kitti",
        "demo": "nyud_kitti",
    }
    assert "12.1 MB" in rows["kitti"]
    assert all("not here" in rows[name] for name in NAMED_WEIGHTS if name != "demo")
    assert str(NAMED_WEIGHTS["demo"].path) in rows["demo"]
    assert shown.count("academic, non-commercial use only") == 2
    assert "nyud, nyud_three, kitti, nyud_kitti: academic" in shown
    assert not cache.exists()


def test_list_tells_where_a_file_is_and_its_size(cache, capsys):
    cache.mkdir(parents=True)
    (cache / "ExpNYUD_joint.ckpt").write_bytes(b"x" * 2_340_000)

    assert weights("list") == 0

    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("nyud "))
    assert str(cache / "ExpNYUD_joint.ckpt") in row
    assert "2.3 MB" in row


def test_fetch_prints_the_licence_first_and_the_path_alone_on_stdout(server, cache, capfd):
    assert weights("fetch", "kitti") == 0

    shown = capfd.readouterr()
    assert shown.out == f"{cache / 'weights.ckpt'}\n"
    assert shown.err.index("kitti: for tests only") < shown.err.index("weights.ckpt: 100%")
    assert (cache / "weights.ckpt").read_bytes() == server.content


def test_fetch_asks_only_once(server, cache, capsys):
    for _ in range(2):
        assert weights("fetch", "kitti", "kitti") == 0

    assert capsys.readouterr().out == f"{cache / 'weights.ckpt'}\n" * 2
    assert len(server.requests) == 1


def test_fetch_all_fetches_each(server, cache, capsys, monkeypatch):
    other = replace(server.weights("good"), name="other", url=server.url("good/other.ckpt"))
    monkeypatch.setitem(NAMED_WEIGHTS, "other", other)

    assert weights("fetch", "all") == 0

    assert capsys.readouterr().out.split() == [str(cache / "weights.ckpt"), str(cache / "other.ckpt")]


def test_fetch_from_another_place(server, cache):
    assert weights("fetch", "kitti", "--url", server.url("good/mirror")) == 0

    assert (cache / "weights.ckpt").read_bytes() == server.content
    assert server.requests == [("/good/mirror", None)]


def test_fetch_of_several_from_one_place_is_refused(server, monkeypatch):
    monkeypatch.setitem(NAMED_WEIGHTS, "nyud", server.weights("good"))

    for names in (["kitti", "nyud"], ["all"]):
        with pytest.raises(WeightsError, match="--url"):
            weights("fetch", *names, "--url", server.url("good/mirror"))
    assert server.requests == []


@pytest.mark.parametrize("action", ["fetch", "verify"])
@pytest.mark.parametrize("names", [["kiti"], ["kitti", "kiti"]])
def test_an_unknown_name_is_refused_before_anything_happens(server, cache, action, names):
    with pytest.raises(WeightsError, match=r"'kiti'.*kitti"):
        weights(action, *names)

    assert server.requests == []
    assert not cache.exists()


def test_fetch_that_fails_says_why(server, cache):
    with pytest.raises(WeightsError, match="404"):
        weights("fetch", "kitti", "--url", server.url("absent/mirror"))

    assert not (cache / "weights.ckpt").exists()


def test_verify_of_a_good_file(server, cache, capsys):
    cache.mkdir(parents=True)
    (cache / "weights.ckpt").write_bytes(server.content)

    assert weights("verify") == 0
    assert weights("verify", "kitti") == 0
    assert capsys.readouterr().out == f"kitti: OK {cache / 'weights.ckpt'}\n" * 2


@pytest.mark.parametrize("names", [[], ["kitti"]])
def test_verify_of_a_damaged_file_fails(server, cache, capsys, names):
    cache.mkdir(parents=True)
    (cache / "weights.ckpt").write_bytes(server.content[:-1])

    assert weights("verify", *names) == 1

    shown = capsys.readouterr().out
    assert shown.startswith("kitti: DAMAGED")
    assert str(len(server.content)) in shown
    assert "weights fetch kitti" in shown


@pytest.mark.usefixtures("server", "cache")
def test_verify_of_an_absent_file_fails_where_it_was_named(capsys):
    assert weights("verify") == 0
    assert weights("verify", "kitti") == 1
    assert capsys.readouterr().out == "kitti: absent\n" * 2


def test_weights_of_the_package_need_no_download(cache, capsys):
    assert weights("fetch", "demo") == 0
    assert capsys.readouterr().out == f"{NAMED_WEIGHTS['demo'].path}\n"
    assert weights("verify", "demo") == 0
    assert not cache.exists()


def test_export_prints_what_the_file_is_known_by(tmp_path, capsys):
    target = tmp_path / "half.safetensors"

    assert weights("export", "demo", str(target)) == 0

    shown = dict(line.split() for line in capsys.readouterr().out.splitlines()[1:])
    git = subprocess.run(["git", "hash-object", str(target)], check=True, capture_output=True, text=True).stdout.strip()
    assert shown["git_blob_sha1"] == git
    assert shown["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert int(shown["size"]) == target.stat().st_size


def test_export_to_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"half\.ckpt.*\.safetensors"):
        weights("export", "demo", str(tmp_path / "half.ckpt"))


def test_an_action_is_required(capsys):
    with pytest.raises(SystemExit):
        weights()

    assert "<action>" in capsys.readouterr().err


def test_declaring_the_verb_does_not_import_torch():
    code = "import sys, joint_perception.offline.weights_command; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
