# SPDX-License-Identifier: Apache-2.0
"""What is made once for each shape of input, and kept while it is used."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Recent(Generic[T]):
    """The things that were used last.

    Args:
        kept: How many.
    """

    def __init__(self, kept: int = 8) -> None:
        self._kept = kept
        self._things: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of that key, made where it is not there."""
        if key not in self._things:
            self._things[key] = make()
            while len(self._things) > self._kept:
                self._things.popitem(last=False)
        self._things.move_to_end(key)
        return self._things[key]
