# SPDX-License-Identifier: Apache-2.0
"""What builders of worlds share: randomness, materials by class name, the shapes so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.worlds.materials import Material, MaterialTable, texture
from joint_perception.learning.worlds.mesh import Builder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joint_perception.domains import Domain
    from joint_perception.learning.worlds.materials import RGB


class Kit:
    """One world in the making.

    Attributes:
        rng: The only source of randomness.
        builder: Takes the shapes of the world.
        table: Takes the materials.
    """

    def __init__(self, rng: np.random.Generator, domain: Domain) -> None:
        self.rng = rng
        self.builder = Builder()
        self.table = MaterialTable()
        self._domain = domain

    def material(
        self, label: str | None, color: RGB, pattern: str = "plain", *, second: RGB | None = None,
        third: RGB | None = None, tile: float = 2.0, gloss: float = 0.0, glow: float = 0.0, grime: float = 0.3,
        through: float = 0.0,
    ) -> int:  # fmt: skip
        """Number of a new material, of a random variant of that pattern; label None is void.

        Raises:
            DomainError: The label is no class of the domain.
        """
        number = VOID_ID if label is None else self._domain.class_ids((label,))[0]
        drawn = texture(self.rng, pattern)
        return self.table.add(Material(number, color, second, third, drawn, tile, gloss, glow, grime, through))

    def chance(self, share: float) -> bool:
        """True in that share of all cases."""
        return bool(self.rng.random() < share)

    def between(self, low: float, high: float) -> float:
        """A number from that range."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def one_of(self, names: Sequence[str], weights: Sequence[float] | None = None) -> str:
        """One of the names, all alike or by weight."""
        p = None if weights is None else np.asarray(weights, float) / sum(weights)
        return names[int(self.rng.choice(len(names), p=p))]
