# SPDX-License-Identifier: Apache-2.0
"""Download of named weights: resumed where it broke off, verified before it takes its place."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tqdm import tqdm

from joint_perception.network.weights import NamedWeights, WeightsError, cache_directory, verify_file

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 16
_TIMEOUT_S = 30.0
# The published files are 12 to 13 MB: a server that sends much more sends something else.
MAX_BYTES = 64 << 20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def fetch_weights(weights: NamedWeights, url: str | None = None, *, progress: bool = True) -> Path:
    """Bring named weights into the cache; a file that is there already and verifies is left alone.

    What has arrived is kept in `<file>.part` when the download breaks off, and the next call goes on
    from there. The file gets its name only once its digests are right.

    Args:
        weights: What to fetch.
        url: Another place to fetch it from, such as a mirror; its content must be the same.
        progress: Show a progress bar on stderr.

    Returns:
        The path of the verified file.

    Raises:
        WeightsError: The server cannot be reached, refuses, sends too much or breaks off; or what came is
            not the published file.
    """
    target = cache_directory() / weights.filename
    if target.is_file():
        verify_file(target, weights)
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(weights, _checked(url or weights.url), part, progress=progress)
        try:
            verify_file(part, weights)
        except WeightsError:
            part.unlink()  # not worth resuming
            raise
        part.replace(target)
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise WeightsError(
            f"weights {weights.name!r} could not be downloaded from {url or weights.url}: {error}; check the "
            f"connection and run the command again (it resumes), or copy the file to {target}"
        ) from error
    return target


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise WeightsError(f"weights are downloaded over https only; the URL is {url!r}")


def _download(weights: NamedWeights, url: str, part: Path, *, progress: bool) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url)  # noqa: S310 (the scheme was checked)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        part.unlink()  # as long as the whole file or longer, yet never verified
        _download(weights, url, part, progress=progress)
        return
    with response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise WeightsError(
                f"weights {weights.name!r}: {url} was asked for bytes from {have} on and sent "
                f"{response.headers.get('Content-Range')!r}; delete {part} and run the command again"
            )
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else weights.size
        _refuse_above_cap(weights, url, total or 0)
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=weights.filename, disable=not progress) as bar,
        ):
            while chunk := response.read(_CHUNK):
                have += len(chunk)
                _refuse_above_cap(weights, url, have)
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and have < total:
        raise WeightsError(
            f"weights {weights.name!r}: {url} broke off after {have} of {total} bytes; run the command again, "
            "it resumes"
        )


def _refuse_above_cap(weights: NamedWeights, url: str, size: int) -> None:
    if size > MAX_BYTES:
        raise WeightsError(
            f"weights {weights.name!r}: {url} sends {size} bytes or more, above the limit of {MAX_BYTES}; this "
            "is not the published file"
        )
