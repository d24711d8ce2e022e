# SPDX-License-Identifier: Apache-2.0
"""Joins what came on several topics by equal stamps."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class StampJoin:
    """Collects the parts of each stamp until all are there.

    Args:
        parts: Names of the parts.
        waiting: Stamps that wait for their other parts at most; above it the earliest one is given up.
    """

    def __init__(self, parts: Sequence[str], waiting: int = 64) -> None:
        self._parts, self._most = frozenset(parts), waiting
        self._waiting: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._newest = -1
        self._given_up: Counter[str] = Counter()

    def add(self, part: str, stamp: int, value: Any) -> dict[str, Any] | None:
        """Take a part.

        Args:
            part: One of the names.
            stamp: Nanoseconds.
            value: Whatever it is.

        Returns:
            All parts by name, when this was the last one of its stamp.
        """
        found = self._waiting.setdefault(stamp, {})
        found[part] = value
        if found.keys() == self._parts:
            del self._waiting[stamp]
            self._newest = max(self._newest, stamp)
            return found
        while len(self._waiting) > self._most:
            self._given_up.update(self._waiting.pop(min(self._waiting)).keys())
        return None

    def left_over(self, part: str, *, at_the_end: bool = False) -> int:
        """How many values of a part never found the others.

        Args:
            part: Its name.
            at_the_end: Count those that wait, too; otherwise only those that a later stamp has overtaken.
        """
        waiting = sum(part in found and (at_the_end or stamp < self._newest) for stamp, found in self._waiting.items())
        return self._given_up[part] + waiting
