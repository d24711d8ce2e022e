# SPDX-License-Identifier: Apache-2.0
"""What the label ids that go out mean: the classes of a domain, or groups of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.pipeline.groupings import load_grouping

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.geometry import PointSet


class LabelMeaning:
    """The way from the network's classes to what is published.

    Args:
        domain: Of the network's classes.
        grouping: Name or path of a grouping; empty: none.

    Attributes:
        published: Ids, names and colours of what is published.

    Raises:
        DomainError: The grouping cannot be read or names a class that does not exist.
    """

    def __init__(self, domain: Domain, grouping: str) -> None:
        self._domain, self.published = domain, domain
        self._table: npt.NDArray[np.uint8] | None = None
        if grouping:
            loaded = load_grouping(grouping)
            self.published, self._table = loaded.grouped_domain(domain), loaded.table(domain)

    def of(self, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The published ids of the network's: (H, W) uint8; 255 where void or in no group."""
        return labels if self._table is None else self._table[labels]

    @functools.cached_property
    def palette(self) -> npt.NDArray[np.uint8]:
        """Colour of the network's ids as they are published: (256, 3) uint8 RGB."""
        return self.published.colorize(self.of(np.arange(256, dtype=np.uint8)))

    def relabel(self, points: PointSet) -> None:
        """Give points, which have the network's ids, the published ones."""
        if self._table is not None:
            points.labels[...] = self._table[points.labels]

    def class_ids(self, names: Collection[str]) -> list[int]:
        """Ids of the network's classes that have one of these names, or whose group has."""
        groups = (
            [i for i, name in enumerate(self.published.class_names) if name in names] if self._table is not None else []
        )
        return [
            i
            for i, name in enumerate(self._domain.class_names)
            if name in names or (self._table is not None and self._table[i] in groups)
        ]


@functools.lru_cache(maxsize=32)
def meaning(domain: Domain, grouping: str) -> LabelMeaning:
    """As `LabelMeaning`, made once for each domain and grouping of this process."""
    return LabelMeaning(domain, grouping)
