# SPDX-License-Identifier: Apache-2.0
"""Download of named weights: resumed where it broke off, verified before it takes its place."""

from __future__ import annotations

import fcntl
import http.client
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from tqdm import tqdm

from joint_perception.network.weights import NamedWeights, WeightsError, verify_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPMessage, HTTPResponse
    from pathlib import Path

_CHUNK = 1 << 16
_TIMEOUT_S = 30.0
# Where the size is not known. The published files are 12 to 13 MB: a server that sends much more sends something else.
MAX_BYTES = 64 << 20
# Hosts that plain http is spoken with: none. Tests put their own server on this machine here, and nothing else may.
HTTP_HOSTS: tuple[str, ...] = ()


def fetch_weights(weights: NamedWeights, url: str | None = None, *, progress: bool = True) -> Path:
    """Bring named weights into the cache. Those inside the package are only looked at.

    A file that is there already and verifies is left alone, and nothing is asked of the server; one that
    is damaged is replaced. What has arrived is kept in `<file>.part` when the download breaks off, and
    the next call goes on from there. The file gets its name only once its digests are right. Of several
    processes one downloads and the others wait for it.

    Args:
        weights: What to fetch.
        url: Another place to fetch it from, such as a mirror; its content must be the same.
        progress: Show a progress bar on stderr.

    Returns:
        The path of the verified file.

    Raises:
        WeightsError: The URL is not https, the server cannot be reached, refuses, sends too much or breaks
            off; or what came is not the published file.
    """
    target = weights.path
    url = url or weights.url
    if url is None:
        verify_file(target, weights)
        return target
    url = _checked(url)
    if _is_published(target, weights):
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent, progress=progress):
            if _is_published(target, weights):
                return target  # by the process that this one waited for
            if not _is_published(part, weights):  # it is, where a process was killed just before the rename
                _download(weights, url, part, progress=progress)
                _verify_download(weights, url, part)
            part.replace(target)
    except (OSError, http.client.HTTPException, ValueError) as error:  # URLError is an OSError
        raise WeightsError(
            f"weights {weights.name!r} could not be downloaded from {url}: {error}; check the URL and the "
            f"connection and run the command again (it resumes), or copy the file to {target}"
        ) from error
    return target


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise WeightsError(f"{url!r} is not a URL: {error}") from error
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HTTP_HOSTS):
        return url
    raise WeightsError(f"weights are downloaded over https only; the URL is {url!r}")


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        return super().redirect_request(req, fp, code, msg, headers, _checked(newurl))


@contextmanager
def _alone(directory: Path, *, progress: bool) -> Iterator[None]:
    # Two processes that write one part file would spoil it, and the slower one would go on writing into the
    # file that the faster one has verified and renamed. The system frees the lock of a process that dies.
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress:
                tqdm.write(f"another process is downloading to {directory}; waiting for it", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_published(path: Path, weights: NamedWeights) -> bool:
    try:
        verify_file(path, weights)
    except WeightsError:
        return False
    return True


def _verify_download(weights: NamedWeights, url: str, part: Path) -> None:
    try:
        verify_file(part, weights)
    except WeightsError as error:
        part.unlink()  # whatever is wrong in it, going on from its end would not mend it
        raise WeightsError(
            f"what came from {url} was thrown away: {error}. If it happens again, this server does not have the file"
        ) from error


def _open(url: str, start: int) -> HTTPResponse:
    request = urllib.request.Request(url)  # noqa: S310 (the scheme was checked)
    if start:
        request.add_header("Range", f"bytes={start}-")
    opener = urllib.request.build_opener(_CheckedRedirects)
    response: HTTPResponse = opener.open(request, timeout=_TIMEOUT_S)
    return response


def _download(weights: NamedWeights, url: str, part: Path, *, progress: bool) -> None:
    have = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, have)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        part.unlink()  # as long as the whole file or longer, yet not the file
        have = 0
        response = _open(url, have)
    with response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        content_range = response.headers.get("Content-Range", "")
        if resumed and not content_range.startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)
            raise WeightsError(
                f"weights {weights.name!r}: {url} was asked for bytes from {have} on and sent {content_range!r}; "
                "run the command again, it starts afresh"
            )
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else weights.size
        _refuse_above_cap(weights, url, total or 0)
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                total=total,
                initial=have,
                unit="B",
                unit_scale=True,
                desc=weights.filename,
                disable=not progress,
            ) as bar,
        ):
            while chunk := response.read(_CHUNK):
                have += len(chunk)
                if have > _limit(weights):
                    part.unlink()  # else the next call would go on from here, and end here
                _refuse_above_cap(weights, url, have)
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and have < total:
        raise WeightsError(
            f"weights {weights.name!r}: {url} broke off after {have} of {total} bytes; run the command again, "
            "it resumes"
        )


def _limit(weights: NamedWeights) -> int:
    return MAX_BYTES if weights.size is None else weights.size


def _refuse_above_cap(weights: NamedWeights, url: str, size: int) -> None:
    if size > _limit(weights):
        what = "the limit of" if weights.size is None else "the published size,"
        raise WeightsError(
            f"weights {weights.name!r}: {url} sends {size} bytes or more, above {what} {_limit(weights)}; this is not "
            "the published file"
        )
