# SPDX-License-Identifier: Apache-2.0
"""How far two engines agree on images: labels, depth, confidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from joint_perception.engine import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from joint_perception.engine import Engine

# What the self-check of the node's runtimes asks for, too.
LEAST_LABELS = 0.99
GREATEST_DEPTH = 0.01


@dataclass(frozen=True)
class Agreement:
    """Of two predictions of an image.

    Attributes:
        image: Its name.
        width: In pixels.
        height: In pixels.
        labels: Share of pixels with the same label.
        classes: Labels that the reference gave: agreement on one alone would say little.
        depth_mean: Mean of |difference| / reference, over pixels where both have depth.
        depth_max: Greatest such.
        depth_metres: Greatest difference in metres.
        depth_valid: Share of pixels at which both have depth, or neither.
        confidence_max: Greatest difference in confidence.
    """

    image: str
    width: int
    height: int
    labels: float
    classes: int
    depth_mean: float
    depth_max: float
    depth_metres: float
    depth_valid: float
    confidence_max: float

    @property
    def sufficient(self) -> bool:
        """Whether it is the same network for all that anybody would notice."""
        return min(self.labels, self.depth_valid) >= LEAST_LABELS and self.depth_mean <= GREATEST_DEPTH


def compare(reference: Engine, other: Engine, images: Mapping[str, npt.NDArray[np.uint8]]) -> tuple[Agreement, ...]:
    """Run both on each image.

    Args:
        reference: Whose predictions count as right.
        other: Whose are compared.
        images: (H, W, 3) uint8 RGB by name.
    """
    return tuple(_compare_one(reference, other, name, image) for name, image in images.items())


def _compare_one(reference: Engine, other: Engine, name: str, image: npt.NDArray[np.uint8]) -> Agreement:
    right, found = (engine.predict([Frame(image)])[0] for engine in (reference, other))
    both = np.isfinite(right.depth) & np.isfinite(found.depth)
    difference = np.abs(found.depth - right.depth, where=both, out=np.zeros_like(right.depth))[both]
    relative = difference / right.depth[both]
    assert right.confidence is not None
    assert found.confidence is not None
    return Agreement(
        image=name,
        width=image.shape[1],
        height=image.shape[0],
        labels=float(np.mean(right.labels == found.labels)),
        classes=len(np.unique(right.labels)),
        depth_mean=float(relative.mean()) if relative.size else 0.0,
        depth_max=float(relative.max()) if relative.size else 0.0,
        depth_metres=float(difference.max()) if difference.size else 0.0,
        depth_valid=float(np.mean(np.isfinite(right.depth) == np.isfinite(found.depth))),
        confidence_max=float(np.abs(right.confidence - found.confidence).max()),
    )


def table(found: tuple[Agreement, ...]) -> str:
    """The figures for a person."""
    head = ("image", "size", "labels equal", "classes", "depth mean", "depth max", "confidence max")
    rows = [head] + [
        (
            a.image,
            f"{a.width}x{a.height}",
            f"{100 * a.labels:.4f} %",
            str(a.classes),
            f"{100 * a.depth_mean:.5f} %",
            f"{a.depth_metres:.5f} m",
            f"{a.confidence_max:.1e}",
        )
        for a in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def to_json(found: tuple[Agreement, ...]) -> list[dict[str, Any]]:
    """The figures for a program."""
    return [asdict(agreement) for agreement in found]
