# SPDX-License-Identifier: Apache-2.0
"""The floor plan: what stands where, and what is still free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.learning.worlds.mesh import rotation

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.learning.worlds.kit import Kit
    from joint_perception.learning.worlds.mesh import Mesh
    from joint_perception.learning.worlds.rooms.piece import Piece

_TRIES = 12


@dataclass
class Plan:
    """A room of `size` (width, depth, height) in metres, one corner at the origin.

    Walls are numbered 0 to 3 counter-clockwise from the one on y = 0; a place on one is the distance along it.

    Attributes:
        kit: Takes the shapes.
        size: Metres.
        taken: Rectangles of floor (x0, y0, x1, y1) that things stand on.
        targets: Middles of the pieces so far, worth looking at.
    """

    kit: Kit
    size: tuple[float, float, float]
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    targets: list[tuple[float, float, float]] = field(default_factory=list)
    _on_walls: list[tuple[int, float, float, float, float]] = field(default_factory=list)

    def length(self, wall: int) -> float:
        """Metres of that wall."""
        return self.size[wall % 2]

    def at_wall(self, wall: int, along: float, out: float, height: float = 0.0) -> npt.NDArray[np.float64]:
        """The point so far along a wall, so far from it, at that height."""
        w, d, _ = self.size
        start = np.array([(0, 0), (w, 0), (w, d), (0, d)][wall], float)
        turn = rotation(wall * np.pi / 2)[:2, :2]
        return np.array([*(start + turn @ (along, out)), height])

    def against(self, piece: Piece, wall: int | None = None, gap: float = 0.02) -> tuple[int, float] | None:
        """Stand a piece with its back to a wall; returns the wall and the place, or None if there is no room."""
        for _ in range(_TRIES):
            side = self.kit.count(0, 3) if wall is None else wall
            room = self.length(side) - piece.width
            if room < 0.05:  # noqa: PLR2004
                continue
            along = self.kit.between(0.02, room - 0.02) + piece.width / 2
            span = (along - piece.width / 2, along + piece.width / 2)
            near, far = self.at_wall(side, span[0], 0), self.at_wall(side, span[1], piece.depth + gap)
            if self._wall_free(side, (*span, 0.0, piece.height)) and self.claim(near, far):
                self._on_walls.append((side, *span, 0.0, piece.height))
                self.kit.builder.place(piece.mesh, self.at_wall(side, along, gap), side * np.pi / 2)
                self.targets.append(tuple(self.at_wall(side, along, piece.depth / 2, piece.height / 2)))
                return side, along
        return None

    def on_wall(
        self,
        mesh: Mesh,
        size: tuple[float, float],
        height: tuple[float, float],
        wall: int | None = None,
        *,
        centred: bool = True,
    ) -> tuple[int, float, float] | None:
        """Hang a thing on a wall.

        Args:
            mesh: Its back on y = 0; `centred`: its middle at z = 0, else its foot.
            size: Width and height.
            height: Range of heights of its middle (or foot).
            wall: Which; None for any.
            centred: See `mesh`.

        Returns:
            Wall, place along it and height; None if there is no room.
        """
        w, h = size
        for _ in range(_TRIES):
            side = self.kit.count(0, 3) if wall is None else wall
            if self.length(side) < w + 0.1:
                continue
            along, z = self.kit.between(w / 2, self.length(side) - w / 2), self.kit.between(*height)
            low = z - h / 2 if centred else z
            if low + h > self.size[2] - 0.02:
                continue
            if self._wall_free(side, (along - w / 2, along + w / 2, low, low + h)):
                self._on_walls.append((side, along - w / 2, along + w / 2, low, low + h))
                self.kit.builder.place(mesh, self.at_wall(side, along, 0.0, z), side * np.pi / 2)
                return side, along, z
        return None

    def _wall_free(self, wall: int, box: tuple[float, float, float, float]) -> bool:
        x0, x1, z0, z1 = box
        return not any(wall == side and x0 < b and a < x1 and z0 < d and c < z1 for side, a, b, c, d in self._on_walls)

    def keep_clear(self, wall: int, along: float, width: float, out: float) -> None:
        """Nothing may stand before a door."""
        self.claim(self.at_wall(wall, along - width / 2, 0), self.at_wall(wall, along + width / 2, out), force=True)

    def somewhere(self, mesh: Mesh, radius: float, height: float = 0.5) -> bool:
        """Stand a thing anywhere on free floor, turned at random; False if there is no room."""
        w, d, _ = self.size
        for _ in range(_TRIES):
            x, y = self.kit.between(radius, w - radius), self.kit.between(radius, d - radius)
            if self.claim(np.array([x - radius, y - radius]), np.array([x + radius, y + radius])):
                self.kit.builder.place(mesh, (x, y, 0), self.kit.between(0, 2 * np.pi))
                self.targets.append((x, y, height))
                return True
        return False

    def claim(self, corner: npt.NDArray[np.float64], other: npt.NDArray[np.float64], *, force: bool = False) -> bool:
        """Take a rectangle of floor between two corners, unless it is taken or outside."""
        x0, x1 = sorted((float(corner[0]), float(other[0])))
        y0, y1 = sorted((float(corner[1]), float(other[1])))
        inside = x0 > -0.01 and y0 > -0.01 and x1 < self.size[0] + 0.01 and y1 < self.size[1] + 0.01  # noqa: PLR2004
        free = not any(x0 < c and a < x1 and y0 < d and b < y1 for a, b, c, d in self.taken)
        if (inside and free) or force:
            self.taken.append((x0, y0, x1, y1))
            return True
        return False

    def clearance(self, x: float, y: float) -> float:
        """Metres from a point of the floor to the nearest thing or wall; 0 or less inside one."""
        w, d, _ = self.size
        nearest = min(x, y, w - x, d - y)
        for x0, y0, x1, y1 in self.taken:
            gap = np.hypot(max(x0 - x, x - x1, 0.0), max(y0 - y, y - y1, 0.0))
            nearest = min(nearest, float(gap))
        return nearest
