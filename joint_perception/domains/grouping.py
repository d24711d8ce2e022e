# SPDX-License-Identifier: Apache-2.0
"""Classes put together into fewer: what a planner wants to know of forty kinds of furniture."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.domains.catalogue import DOMAINS, voc_color
from joint_perception.domains.domain import VOID_ID, Domain, DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

_CLASS_NAMES = sorted({name for domain in DOMAINS.values() for name in domain.class_names})
_RGB = 3


@dataclass(frozen=True)
class Grouping:
    """Groups of classes, of whatever domain.

    Attributes:
        name: For the people who read it.
        class_names: Name of each group; its index is the id that is published.
        colors: sRGB colour of each group, 0..255.
        members: Names of the classes of each group.
        rest: Index of the group that takes the classes that none names; None: they become void.
    """

    name: str
    class_names: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    members: tuple[tuple[str, ...], ...]
    rest: int | None = None

    @classmethod
    def from_mapping(cls, mapping: Any, name: str) -> Grouping:
        """Build from what a YAML file says.

        Args:
            mapping: `groups`: group name to `classes` (names) and, where wanted, `color` ([r, g, b]); and, where
                wanted, `rest`: name of the group that takes all other classes.
            name: Of the grouping, for messages.

        Raises:
            DomainError: Anything else; says what, and what is right.
        """
        groups = _only(mapping, name, "groups", "rest").get("groups")
        if not isinstance(groups, dict) or not 0 < len(groups) < VOID_ID:
            raise DomainError(f"grouping {name!r} has groups {groups!r}; give 1 to {VOID_ID - 1}, each name: {{...}}")
        rest = mapping.get("rest")
        names = tuple(map(str, groups))
        if rest is not None and rest not in names:
            raise DomainError(f"grouping {name!r} gives the rest to {rest!r}, which is none of its groups {names}")
        colors, members = [], []
        taken: dict[str, str] = {}
        for index, group in enumerate(names):
            given = _only(groups[group], f"{name}: {group}", "classes", "color")
            classes = given.get("classes", [])
            if not isinstance(classes, list) or not all(isinstance(item, str) for item in classes):
                raise DomainError(f"grouping {name!r}: classes of {group!r} are {classes!r}; give a list of names")
            for member in classes:
                _check_member(member, group, taken, name)
            colors.append(_color(given.get("color", voc_color(index + 1)), group, name))
            members.append(tuple(classes))
        return cls(name, names, tuple(colors), tuple(members), None if rest is None else names.index(rest))

    def grouped_domain(self, domain: Domain) -> Domain:
        """The domain of what is published: groups in place of classes, all else as in `domain`."""
        return Domain(
            name=f"{domain.name}/{self.name}",
            class_names=self.class_names,
            colors=self.colors,
            depth_range=domain.depth_range,
            focal_length=domain.focal_length,
            image_width=domain.image_width,
        )

    def table(self, domain: Domain) -> npt.NDArray[np.uint8]:
        """The group of each class id of a domain: (256,) uint8; 255 where void or in no group."""
        table = np.full(256, VOID_ID, np.uint8)
        group_of = {member: index for index, members in enumerate(self.members) for member in members}
        for index, name in enumerate(domain.class_names):
            group = group_of.get(name, self.rest)
            if group is not None:
                table[index] = group
        return table


def _only(mapping: Any, where: str, *keys: str) -> Mapping[str, Any]:
    if not isinstance(mapping, dict) or not set(mapping) <= set(keys):
        raise DomainError(f"grouping {where!r} says {mapping!r}; it takes {' and '.join(keys)}")
    return mapping


def _check_member(member: str, group: str, taken: dict[str, str], name: str) -> None:
    if member not in _CLASS_NAMES:
        close = difflib.get_close_matches(member, _CLASS_NAMES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise DomainError(f"grouping {name!r}: group {group!r} names class {member!r}, which no domain has{hint}")
    if member in taken:
        raise DomainError(f"grouping {name!r}: class {member!r} is in {taken[member]!r} and in {group!r}; choose one")
    taken[member] = group


def _color(color: Any, group: str, name: str) -> tuple[int, int, int]:
    numbers = list(color) if isinstance(color, list | tuple) else []
    if len(numbers) != _RGB or not all(type(part) is int and 0 <= part <= 255 for part in numbers):  # noqa: PLR2004
        raise DomainError(f"grouping {name!r}: color of {group!r} is {color!r}; give [r, g, b], each 0 to 255")
    return numbers[0], numbers[1], numbers[2]
