# SPDX-License-Identifier: Apache-2.0
"""How the benchmark's processes talk with it: a line of JSON a message, over standard input and output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "/benchmark"


def say(message: dict[str, Any]) -> None:
    """Tell the benchmark something."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def commands() -> Iterator[dict[str, Any]]:
    """What the benchmark asks for, until it closes the pipe."""
    for line in sys.stdin:
        yield json.loads(line)


def below(target: str, camera: str, name: str) -> str:
    """The topic of a camera of a target."""
    return "/".join(part for part in (ROOT, target, camera, name) if part)
