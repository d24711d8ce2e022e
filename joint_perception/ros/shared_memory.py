# SPDX-License-Identifier: Apache-2.0
"""Shared memory of Fast DDS whose processes were killed, which nothing else gives back before the computer restarts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from joint_perception.ros.dds import middleware_of

_FOLDER = Path("/dev/shm")  # noqa: S108 (where Fast DDS has it on Linux)
# Fast DDS 2 and 3. The lock lies beside the segment, has its name with _el at the end, and is held for as long as the
# segment's process lives.
_LOCK = re.compile(r"(?:fastrtps|fastdds)_[0-9a-f]{16}_el")
# A lock this young may have been made and not locked yet.
_SETTLED_S = 10.0


@dataclass(frozen=True)
class Reclaimed:
    """What was given back.

    Attributes:
        segments: How many.
        size: Bytes of memory that they held.
    """

    segments: int = 0
    size: int = 0


def reclaim(folder: Path = _FOLDER) -> Reclaimed:
    """Remove the segments of this user that a process left behind when it was killed, as `fastdds shm clean` does.

    With our profile each process has a segment of 64 MB, and one that is killed, by the kernel for want of memory or by
    a launch system out of patience, cannot remove its own. Nothing is done where another middleware than Fast
    DDS is in use. What cannot be removed is left.

    Args:
        folder: Where shared memory is.
    """
    if not middleware_of(os.environ).startswith("rmw_fastrtps"):
        return Reclaimed()
    try:
        locks = [path for path in folder.iterdir() if _LOCK.fullmatch(path.name)]
    except OSError:
        return Reclaimed()  # not Linux
    sizes = [size for lock in locks if (size := _remove(lock)) is not None]
    return Reclaimed(len(sizes), sum(sizes))


def _remove(lock: Path) -> int | None:
    """Remove a segment if its process is gone; bytes that it held, None if it is in use or another's."""
    segment = lock.with_name(lock.name.removesuffix("_el"))
    try:
        found = lock.lstat()
        if found.st_uid != os.geteuid() or time.time() - found.st_mtime < _SETTLED_S:
            return None
        handle = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = 0
        with contextlib.suppress(FileNotFoundError):
            size = segment.stat().st_blocks * 512
            segment.unlink()
        # Last, and under the lock: whoever opened it meanwhile looks whether it is still there (Fast DDS does).
        lock.unlink()
    except OSError:
        return None  # locked: its process lives; or not ours to remove
    finally:
        os.close(handle)
    return size
