# SPDX-License-Identifier: Apache-2.0
"""What runtimes keep on disk, so that only the first start of a machine waits for it."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from joint_perception.network import JointNetwork

# Of what `PixelNetwork` makes of a network: counted up when that changes.
GRAPH_VERSION = 2
_log = logging.getLogger(__name__)


def cache_directory() -> Path:
    """`joint_perception/runtimes` under XDG_CACHE_HOME or ~/.cache; nothing in it is missed."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # unset, empty, or relative, which the XDG specification says to ignore
        base = Path.home() / ".cache"
    return base / "joint_perception" / "runtimes"


def digest(network: JointNetwork) -> str:
    """A name for a network's weights, and for what this version makes of them."""
    found = hashlib.sha256(f"{GRAPH_VERSION}".encode())
    for name, value in network.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:24]


def cached_file(name: str, make: Callable[[Path], None]) -> Path | None:
    """The file of that name in the cache, made where it is not there.

    Args:
        name: With its suffix; may lie in a folder.
        make: Writes it, and what belongs beside it, at the path it is given.

    Returns:
        Its path; None where the cache cannot be written: the caller does without.
    """
    target = cache_directory() / name
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
            make(Path(folder) / target.name)
            # What belongs beside the file first: whoever sees the file finds the rest.
            for file in sorted(Path(folder).iterdir(), key=lambda file: file.name == target.name):
                file.replace(target.with_name(file.name))
    except (OSError, RuntimeError) as error:  # OpenVINO's of a full disk is a RuntimeError
        _log.warning("nothing can be kept in %s: %s; each start takes longer", target.parent, error)
        return None
    return target
