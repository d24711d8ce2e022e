# SPDX-License-Identifier: Apache-2.0
"""Where the time of a frame goes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stopwatch:
    """Sums up the seconds spent in named stages.

    Args:
        on_stage: Told the name of a stage when it is entered and when it is done; what it raises goes through,
            which is how a frame that nobody waits for any more is given up.

    Attributes:
        seconds: Stage to seconds, in the order in which the stages were first entered.
    """

    def __init__(self, on_stage: Callable[[str], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the `with` block towards a stage."""
        if self._on_stage is not None:
            self._on_stage(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        if self._on_stage is not None:
            self._on_stage(name)
