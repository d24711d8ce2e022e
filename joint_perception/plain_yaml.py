# SPDX-License-Identifier: Apache-2.0
"""YAML files of plain values, of a size and a depth that a person could have written.

`yaml.safe_load` builds no objects, yet a file of a hundred bytes can nest deeper than Python's stack, or stand for
more values than memory holds ("billion laughs"). Both are seen in the parser's events, before anything is built.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 100_000


class YamlError(ValueError):
    """A file that is no YAML of plain values, or more of it than anybody writes."""


def load_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Raises:
        YamlError: No YAML, not of plain values, or above one of the limits.
        OSError: The file cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise YamlError(f"{path} is not a file")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise YamlError(f"{path} has more than {MAX_BYTES} bytes, which no configuration needs")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise YamlError(f"{path} is not YAML of plain values: {error}") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> Any:
    """Read YAML of plain values.

    Args:
        text: The YAML.
        name: What errors call it.

    Raises:
        YamlError: No YAML, not of plain values, or above one of the limits.
    """
    try:
        _check(text, name)
        return yaml.safe_load(text)
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # ValueError: a date of month 13
        raise YamlError(f"{name} is not YAML of plain values: {error}") from error


def _check(text: str, name: str) -> None:
    """Refuse what is nested too deep, or would be too much once every alias is replaced by what it stands for."""
    count, sizes = 0, dict[str, int]()
    inside: list[tuple[str | None, int]] = []  # anchor of each collection that is open, and the count before it
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor is not None for anchor, _ in inside):
                raise YamlError(f"{name} uses *{event.anchor} inside of what has an anchor itself; write it out")
            count += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            inside.append((event.anchor, count))
            count += 1
            if len(inside) > MAX_DEPTH:
                raise YamlError(f"{name} is nested more than {MAX_DEPTH} deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = inside.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
        if count > MAX_VALUES:
            raise YamlError(f"{name} stands for more than {MAX_VALUES} values")
