# SPDX-License-Identifier: Apache-2.0
"""Where the package's own files are: configuration and message definitions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = "joint_perception"


class ShareError(RuntimeError):
    """An installation without the package's files."""


def share_folder(name: str) -> Path:
    """A folder of the package's files.

    Looked for where ament looks (AMENT_PREFIX_PATH), where pip puts them, and in the source tree.

    Args:
        name: Such as `config/groupings` or `msg`.

    Raises:
        ShareError: It is in none of these.
    """
    prefixes = [prefix for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    roots = [Path(prefix) / "share" / PACKAGE for prefix in (*prefixes, sys.prefix)]
    for root in (*roots, Path(__file__).resolve().parents[2]):
        if (root / name).is_dir():
            return root / name
    raise ShareError(
        f"folder {name!r} of the package is in none of {', '.join(map(str, roots))}; install the package anew, or "
        "source its setup file"
    )
