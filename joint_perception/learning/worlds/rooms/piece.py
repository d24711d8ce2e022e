# SPDX-License-Identifier: Apache-2.0
"""Pieces of furniture, and the materials that most are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from joint_perception.learning.worlds.materials import hsv, linear, natural

if TYPE_CHECKING:
    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh


@dataclass(frozen=True)
class Piece:
    """A thing to put into a room.

    Attributes:
        mesh: Its middle at x = 0, its back on y = 0, its front at y = depth, its foot on z = 0.
        width: Metres along x.
        depth: Metres along y.
        height: Metres.
        top: Height of a surface that small things may stand on; 0 if there is none.
    """

    mesh: Mesh
    width: float
    depth: float
    height: float
    top: float = 0.0


def wood(kit: Kit, label: str) -> int:
    """Bare, stained or painted wood."""
    kind = kit.one_of(("bare", "dark", "painted"), (0.5, 0.25, 0.25))
    if kind == "painted":
        color = linear(*[kit.between(0.7, 0.95)] * 3) if kit.chance(0.6) else natural(kit.rng, (0.05, 0.5), (0.15, 0.9))
        return kit.material(label, color, "plain", gloss=kit.between(0, 0.05), grime=0.15)
    value = (0.35, 0.8) if kind == "bare" else (0.1, 0.35)
    color = hsv(kit.rng, (0.03, 0.11), (0.3, 0.7), value)
    return kit.material(label, color, "wood", tile=kit.between(0.5, 1.5), gloss=kit.between(0, 0.05), grime=0.2)


def cloth(kit: Kit, label: str) -> int:
    """Plain, striped or printed cloth; leather."""
    kind = kit.one_of(("weave", "stripes", "blobs", "leather"), (0.6, 0.12, 0.14, 0.14))
    color = natural(kit.rng, (0, 0.35), (0.2, 0.95)) if kit.chance(0.65) else natural(kit.rng, (0.3, 0.8), (0.2, 0.8))
    if kind == "leather":
        return kit.material(label, hsv(kit.rng, (0.02, 0.1), (0.1, 0.7), (0.06, 0.5)), "rough", tile=0.8, gloss=0.035)
    second, third = (natural(kit.rng, (0, 0.6), (0.2, 0.95)) for _ in range(2))
    if kind == "weave":
        return kit.material(label, color, kind, tile=0.4, grime=0.4)
    return kit.material(label, color, kind, second=second, third=third, tile=kit.between(0.4, 1.2), grime=0.3)


def metal(kit: Kit, label: str) -> int:
    """Chrome, steel, brass, black iron."""
    color = hsv(kit.rng, (0.08, 0.14) if kit.chance(0.2) else (0.5, 0.7), (0.0, 0.25), (0.1, 0.75))
    return kit.material(label, color, "plain", gloss=kit.between(0.03, 0.35), grime=0.2)


def paint(kit: Kit, label: str, low: float = 0.1, high: float = 0.95) -> int:
    """Any even colour: plastic, lacquer, ceramics."""
    return kit.material(label, natural(kit.rng, (0, 0.8), (low, high)), gloss=kit.between(0, 0.06), grime=0.2)


def white(kit: Kit, label: str, gloss: float = 0.05) -> int:
    """Enamel, porcelain, paper."""
    value = kit.between(0.75, 0.97)
    return kit.material(label, linear(value, value, value * kit.between(0.92, 1)), gloss=gloss, grime=0.1)
