# SPDX-License-Identifier: Apache-2.0
"""Downloads from a real server: what is kept, what is refused, and that only the right file gets the name."""

from __future__ import annotations

import io
import resource
import sys
import threading
import time

import pytest

from joint_perception.network import WeightsError, download, load_network, resolve_weights
from joint_perception.network.download import fetch_weights
from joint_perception.network.weights import NAMED_WEIGHTS, cache_directory


@pytest.fixture
def target(cache):
    """Where the file belongs."""
    return cache / "weights.ckpt"


@pytest.fixture
def part(cache):
    """Where an unfinished download is kept."""
    return cache / "weights.ckpt.part"


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def refused(weights, url=None, **options):
    with pytest.raises(WeightsError) as caught:
        fetch_weights(weights, url, progress=False, **options)
    return str(caught.value)


@pytest.mark.parametrize("path", ["good", "norange", "nolength", "moved"])
@pytest.mark.parametrize("sized", [True, False])
def test_a_good_file_arrives(server, target, part, path, sized):
    assert fetch_weights(server.weights(path, sized=sized), progress=False) == target

    assert target.read_bytes() == server.content
    assert not part.exists()
    assert server.requests[0] == (f"/{path}/weights.ckpt", None)


def test_another_place_may_be_named(server, target):
    weights = server.weights("absent")

    assert fetch_weights(weights, server.url("good/mirror.bin"), progress=False) == target
    assert target.read_bytes() == server.content
    assert [path for path, _ in server.requests] == ["/good/mirror.bin"]


def test_a_file_that_is_there_is_not_asked_for(server, target):
    put(target, server.content)

    assert fetch_weights(server.weights("good"), progress=False) == target
    assert server.requests == []


def test_a_damaged_file_is_replaced(server, target):
    put(target, server.content[:-1])

    fetch_weights(server.weights("good"), progress=False)

    assert target.read_bytes() == server.content


def test_a_damaged_file_stays_until_the_right_one_has_arrived(server, target):
    put(target, b"damaged")

    refused(server.weights("truncated"))

    assert target.read_bytes() == b"damaged"


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("resume_at", ["good", "norange", "moved"])
def test_a_truncated_download_is_resumed(server, target, part, sized, resume_at):
    size = len(server.content)

    message = refused(server.weights("truncated", sized=sized))

    assert f"broke off after {size // 2} of {size} bytes" in message
    assert part.read_bytes() == server.content[: size // 2]
    assert not target.exists()

    fetch_weights(server.weights(resume_at, sized=sized), progress=False)

    assert target.read_bytes() == server.content
    assert not part.exists()
    assert {asked for _, asked in server.requests[1:]} == {f"bytes={size // 2}-"}  # a redirect keeps the header


def test_a_download_truncated_between_chunks_is_resumed(server, target, part):
    message = refused(server.weights("truncatedchunks", sized=False))

    assert "it resumes" in message
    assert 0 < part.stat().st_size <= len(server.content) // 2
    assert server.content.startswith(part.read_bytes())

    fetch_weights(server.weights("good"), progress=False)

    assert target.read_bytes() == server.content
    assert server.requests[1][1] is not None


def test_a_corrupted_download_is_thrown_away(server, target, part):
    message = refused(server.weights("corrupt"))

    assert "thrown away" in message
    assert "git blob SHA-1" in message
    assert not target.exists()
    assert not part.exists()

    fetch_weights(server.weights("good"), progress=False)

    assert target.read_bytes() == server.content
    assert server.requests[1][1] is None


@pytest.mark.parametrize("sized", [True, False])
def test_a_login_page_is_thrown_away(server, target, part, sized):
    message = refused(server.weights("page", sized=sized))

    assert ("its size is 41" if sized else "git blob SHA-1") in message
    assert not target.exists()
    assert not part.exists()


def test_a_part_of_another_file_is_thrown_away_after_all(server, target, part):
    put(part, b"x" * 1000)

    message = refused(server.weights("good"))

    assert server.requests == [("/good/weights.ckpt", "bytes=1000-")]
    assert "thrown away" in message
    assert not part.exists()
    assert not target.exists()


@pytest.mark.parametrize("extra", [0, 1, 1000])
def test_a_part_that_is_too_long_is_fetched_afresh(server, target, part, extra):
    put(part, b"x" * (len(server.content) + extra))

    fetch_weights(server.weights("good"), progress=False)

    assert target.read_bytes() == server.content
    assert [asked for _, asked in server.requests] == [f"bytes={len(server.content) + extra}-", None]


def test_a_part_that_is_complete_only_needs_its_name(server, target, part):
    put(part, server.content)  # the process was killed before it could rename

    fetch_weights(server.weights("absent"), progress=False)

    assert target.read_bytes() == server.content
    assert not part.exists()
    assert server.requests == []


@pytest.mark.parametrize("begun", [True, False])
def test_a_server_that_satisfies_no_range_is_asked_twice_at_most(server, part, begun):
    if begun:
        put(part, b"x")

    assert "416" in refused(server.weights("never"))
    assert [asked for _, asked in server.requests] == (["bytes=1-", None] if begun else [None])


def test_a_server_that_sends_another_range_is_refused(server, target, part):
    put(part, server.content[:1000])

    message = refused(server.weights("wrongrange"))

    assert "bytes from 1000 on" in message
    assert "bytes 0-" in message
    assert not target.exists()

    fetch_weights(server.weights("wrongrange"), progress=False)  # afresh, as the message said

    assert target.read_bytes() == server.content


def test_an_absent_file_is_reported_and_what_was_there_is_kept(server, target, part):
    put(part, server.content[:1000])

    message = refused(server.weights("absent"))

    assert "404" in message
    assert server.url("absent/weights.ckpt") in message
    assert str(target) in message  # where to copy the file to by hand
    assert part.read_bytes() == server.content[:1000]


def test_an_endless_file_is_cut_off(server, target, part, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 3 * len(server.content))

    message = refused(server.weights("endless", sized=False))

    assert f"above the limit of {3 * len(server.content)}" in message
    assert not target.exists()
    assert not part.exists()  # it would be resumed into the same end


def test_more_than_the_published_size_is_cut_off(server, target, part):
    message = refused(server.weights("endless"))

    assert f"above the published size, {len(server.content)}" in message
    assert not target.exists()
    assert not part.exists()


def test_plain_http_is_not_spoken_with_this_machine_either(server, cache, monkeypatch):
    monkeypatch.setattr(download, "HTTP_HOSTS", ())

    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert "https only" in refused(server.weights("good"), f"http://{host}:80/good/weights.ckpt")
    assert "https only" in refused(server.weights("good"))
    assert server.requests == []
    assert not cache.exists()


def test_an_oversized_file_is_refused_before_it_is_stored(server, target, part):
    put(part, server.content[:1000])

    assert f"sends {10**12} bytes" in refused(server.weights("oversized"))
    assert not target.exists()
    assert part.read_bytes() == server.content[:1000]


@pytest.mark.parametrize(
    "url",
    [
        "http://weights.invalid/w.ckpt",
        "http://127.0.0.1.weights.invalid/w.ckpt",
        "http://localhost@weights.invalid/w.ckpt",
        "ftp://127.0.0.1/w.ckpt",
        "file:///etc/hostname",
        "/etc/hostname",
        "weights.invalid",
    ],
)
def test_only_https_is_asked(server, cache, url):
    message = refused(server.weights("good"), url)

    assert "https only" in message
    assert repr(url) in message
    assert not cache.exists()


def test_a_redirect_to_plain_http_is_refused(server, target):
    message = refused(server.weights("insecure"))

    assert "https only" in message
    assert "http://weights.invalid" in message
    assert not target.exists()


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    "url", ["https://[::1/w.ckpt", "http://127.0.0.1:port/w.ckpt", "http://127.0.0.1/a b", "https://"]
)
def test_what_is_no_url_is_refused(server, url):
    assert url in refused(server.weights("good"), url)


def test_a_server_that_is_not_there_is_reported(server, target):
    with type(server)() as gone:
        weights = gone.weights("good")

    assert "could not be downloaded" in refused(weights)
    assert not target.exists()


def test_a_server_that_falls_silent_is_left(server, target, part, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT_S", 0.2)

    assert "timed out" in refused(server.weights("slow"))
    assert not target.exists()
    assert server.content.startswith(part.read_bytes())

    fetch_weights(server.weights("good"), progress=False)

    assert target.read_bytes() == server.content


def test_a_cache_that_cannot_be_written_is_reported(server, cache):
    put(cache.parent, b"a file where the folder should be")

    assert str(cache) in refused(server.weights("good"))


def test_a_disk_that_is_full_is_reported_and_what_came_is_kept(server, target, part):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # no file can grow beyond
    try:
        said = refused(server.weights("good"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert "File too large" in said
    assert str(target) in said
    assert part.stat().st_size == 1000
    assert fetch_weights(server.weights("good"), progress=False) == target  # with room again, it goes on from there
    assert server.requests[-1] == ("/good/weights.ckpt", "bytes=1000-")


def test_of_two_downloads_at_once_one_waits(server, target, monkeypatch):
    weights, paths = server.weights("slow"), []
    # Not capfd: what is written between its reading and its emptying of the file is lost.
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())

    def fetch():
        paths.append(fetch_weights(weights))

    first, second = threading.Thread(target=fetch), threading.Thread(target=fetch)
    first.start()
    wait_for(lambda: server.requests)
    second.start()
    wait_for(lambda: "waiting" in shown.getvalue())
    server.gate.set()
    first.join()
    second.join()

    assert paths == [target, target]
    assert target.read_bytes() == server.content
    assert len(server.requests) == 1


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_shown_where_it_is_wanted(server, capfd, progress):
    fetch_weights(server.weights("good"), progress=progress)

    shown = capfd.readouterr()
    assert shown.out == ""
    assert ("weights.ckpt: 100%" in shown.err) == progress


def test_the_cache_is_where_xdg_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    at_home = tmp_path / "home/.cache/joint_perception/weights"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg/joint_perception/weights"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory() == at_home
    for invalid in ("", "relative/cache"):  # the specification: relative paths are to be ignored
        monkeypatch.setenv("XDG_CACHE_HOME", invalid)
        assert cache_directory() == at_home


@pytest.mark.usefixtures("cache")
def test_from_the_server_into_the_network(server, formula, tmp_path, monkeypatch):
    formula.write_formula_checkpoint(tmp_path / "w.ckpt", 6, 2)
    server.content = (tmp_path / "w.ckpt").read_bytes()
    weights = server.weights("good")
    monkeypatch.setitem(NAMED_WEIGHTS, "kitti", weights)

    fetch_weights(weights, progress=False)
    located = resolve_weights("kitti")

    assert located.domain == "kitti"
    assert load_network(located.path).num_classes == 6
