# SPDX-License-Identifier: Apache-2.0
"""Named weights: the published digests, and how a name or a path becomes a file."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from joint_perception.domains import DOMAINS
from joint_perception.network import NAMED_WEIGHTS, WeightsError, load_network, resolve_weights
from joint_perception.network.weights import named_weights, verify_file

# `printf 'hello\n' | git hash-object --stdin` and `| sha256sum`.
HELLO = b"hello\n"
HELLO_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"
HELLO_SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"


@pytest.fixture
def hello(monkeypatch):
    """Weights named `kitti` whose right content is HELLO."""
    weights = replace(
        NAMED_WEIGHTS["kitti"], git_blob_sha1=HELLO_BLOB, sha256=HELLO_SHA256, size=6, url="https://x.invalid/k.ckpt"
    )
    monkeypatch.setitem(NAMED_WEIGHTS, "kitti", weights)
    return weights


@pytest.mark.parametrize(
    ("name", "domain", "filename", "blob"),
    [
        ("nyud", "nyud", "ExpNYUD_joint.ckpt", "56f5f5a6bc08a64f36e83547140add41baa4216d"),
        ("nyud_three", "nyud", "ExpNYUD_three.ckpt", "6f412c152600827cabff5e1b66efad50090c16a7"),
        ("kitti", "kitti", "ExpKITTI_joint.ckpt", "d9386a96f748001406c622100ce944333d1967ff"),
        ("nyud_kitti", "nyud_kitti", "ExpNYUDKITTI_joint.ckpt", "54f57cc2bd15e5cdfa9f3f1eaba9760951218bfa"),
    ],
)
def test_the_authors_files_are_known_by_their_published_digests(name, domain, filename, blob):
    weights = NAMED_WEIGHTS[name]

    assert (weights.name, weights.domain, weights.filename, weights.git_blob_sha1) == (name, domain, filename, blob)
    assert weights.url == f"https://github.com/DrSleep/multi-task-refinenet/raw/master/weights/{filename}"
    assert "non-commercial" in weights.licence


def test_names_are_their_keys_and_files_do_not_collide():
    assert all(name == weights.name for name, weights in NAMED_WEIGHTS.items())
    assert len({weights.filename for weights in NAMED_WEIGHTS.values()}) == len(NAMED_WEIGHTS)
    assert {weights.domain for weights in NAMED_WEIGHTS.values()} <= DOMAINS.keys()
    assert all(re.fullmatch("[0-9a-f]{40}", weights.git_blob_sha1) for weights in NAMED_WEIGHTS.values())


def test_the_weights_of_the_package_are_there_whole_and_small(cache):
    located = resolve_weights("demo")

    assert located.domain == "nyud_kitti"
    assert located.path.stat().st_size < 8_000_000
    network = load_network(located.path)
    assert (network.num_classes, network.num_tasks) == (46, 3)
    assert not cache.exists()


def test_weights_of_the_package_that_are_damaged_are_refused(tmp_path):
    (tmp_path / "demo.safetensors").write_bytes(HELLO)

    with pytest.raises(WeightsError, match=r"not the published file.*install joint_perception again"):
        verify_file(tmp_path / "demo.safetensors", NAMED_WEIGHTS["demo"])


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(WeightsError, match=r"'nope'.*nyud, nyud_three, kitti, nyud_kitti, demo"):
        named_weights("nope")


def test_the_right_file_verifies(tmp_path, hello):
    (tmp_path / "file").write_bytes(HELLO)

    verify_file(tmp_path / "file", hello)
    verify_file(tmp_path / "file", replace(hello, size=None, sha256=None))


@pytest.mark.parametrize(
    ("changes", "content", "named"),
    [
        ({}, b"hello", "its size is 5, expected 6"),
        ({}, b"jello\n", f"git blob SHA-1 is [0-9a-f]{{40}}, expected {HELLO_BLOB}"),
        ({"size": None}, b"", "git blob SHA-1 is e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        ({"sha256": "0" * 64}, HELLO, f"SHA-256 is {HELLO_SHA256}, expected 000"),
    ],
)
def test_another_file_is_named_with_what_differs_and_the_remedy(tmp_path, hello, changes, content, named):
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(WeightsError, match=named) as caught:
        verify_file(tmp_path / "file", replace(hello, **changes))

    assert str(tmp_path / "file") in str(caught.value)
    assert "joint_perception weights fetch kitti" in str(caught.value)


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_cannot_be_read_does_not_verify(tmp_path, hello, name):
    with pytest.raises(WeightsError, match="cannot be read"):
        verify_file(tmp_path / name, hello)


def test_a_name_resolves_to_its_verified_file_and_domain(cache, hello):
    cache.mkdir(parents=True)
    (cache / hello.filename).write_bytes(HELLO)

    located = resolve_weights("kitti")

    assert located.path == cache / "k.ckpt"
    assert located.domain == "kitti"


def test_a_damaged_file_is_refused_under_its_name(cache, hello):
    cache.mkdir(parents=True)
    (cache / hello.filename).write_bytes(b"jello\n")

    with pytest.raises(WeightsError, match="not the published file"):
        resolve_weights("kitti")


def test_a_name_whose_file_is_absent_tells_how_to_get_it_and_for_what(cache):
    with pytest.raises(WeightsError) as caught:
        resolve_weights("nyud")

    message = str(caught.value)
    assert "joint_perception weights fetch nyud" in message
    assert str(cache) in message
    assert "non-commercial" in message
    assert not cache.exists()  # nothing was downloaded, nothing was made


@pytest.mark.parametrize("name", ["own.ckpt", "own.safetensors", "bare"])
def test_a_path_resolves_to_itself(tmp_path, monkeypatch, name):
    (tmp_path / name).touch()

    assert resolve_weights(str(tmp_path / name)).path == tmp_path / name
    assert resolve_weights(str(tmp_path / name)).domain is None
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_weights(f"~/{name}").path == tmp_path / name
    monkeypatch.chdir(tmp_path)
    assert resolve_weights(name).path.resolve() == tmp_path / name


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("", "no weights given.*nyud, nyud_three, kitti, nyud_kitti"),
        ("kiti", "'kiti' are neither a known name .*nyud, nyud_three, kitti, nyud_kitti"),
        ("absent.ckpt", "'absent.ckpt'.*no such file"),
        ("some/where", "'some/where'.*no such file"),
        ("/", "'/'.*no such file"),
        ("x" * 300, "too long"),
        ("~nobody.of.that.name/w.ckpt", "'~nobody.of.that.name/w.ckpt'"),
    ],
)
def test_what_is_neither_is_refused(given, named):
    with pytest.raises(WeightsError, match=named):
        resolve_weights(given)
