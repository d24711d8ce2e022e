# SPDX-License-Identifier: Apache-2.0
"""Groupings by name, from the package's configuration, or by path."""

from __future__ import annotations

import functools
from pathlib import Path

from joint_perception.domains import DomainError
from joint_perception.domains.grouping import Grouping
from joint_perception.pipeline.share import share_folder
from joint_perception.plain_yaml import YamlError, load_yaml


def load_grouping(name_or_path: str) -> Grouping:
    """Read a grouping.

    Args:
        name_or_path: A name out of config/groupings; or, with a slash or a suffix, the path of a YAML file.

    Raises:
        DomainError: There is no such file, or it says what cannot be.
    """
    folder = share_folder("config/groupings")
    is_path = "/" in name_or_path or Path(name_or_path).suffix
    path = Path(name_or_path).expanduser() if is_path else folder / f"{name_or_path}.yaml"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise DomainError(f"grouping {name_or_path!r}: {error}; choose {known}, or the path of a YAML file") from error


@functools.lru_cache(maxsize=16)
def _read(path: Path, _modified: int) -> Grouping:
    try:
        content = load_yaml(path)
    except YamlError as error:
        raise DomainError(f"grouping {error}") from error
    return Grouping.from_mapping(content, path.stem)
