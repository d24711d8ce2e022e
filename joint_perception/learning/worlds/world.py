# SPDX-License-Identifier: Apache-2.0
"""Worlds to learn from: procedural rooms and streets, each drawn from one seed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from joint_perception.domains import KITTI, NYUD
from joint_perception.domains.domain import VOID_ID
from joint_perception.learning.worlds.kit import Kit
from joint_perception.learning.worlds.renderer import Renderer, Rendering
from joint_perception.learning.worlds.rooms import Room, build_room
from joint_perception.learning.worlds.sensor import random_sensor
from joint_perception.learning.worlds.streets import Street, build_street
from joint_perception.learning.worlds.views import camera_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.geometry import Pinhole

    Pose = npt.NDArray[np.float64]

Kind = Literal["rooms", "streets"]

VIEWS_PER_WORLD = {"rooms": 1, "streets": 8}
"""How many consecutive seeds of `sample` look at one world."""

_PROBE_WIDTH = 40  # pixels across the views that poses are judged by
_TRIES = 30
# Focal lengths in image widths: about those of the domains' own cameras (NYUD 0.81, KITTI 0.58, CamVid 1.0).
_FOCAL = {"rooms": (0.72, 0.95), "streets": (0.52, 1.1)}
# sRGB that the median of the surfaces comes to: street scenes are exposed darker, for the sky's sake.
_EXPOSURE = {"rooms": (0.3, 0.56), "streets": (0.2, 0.5)}


class World:
    """A room or a street that can be looked at.

    Attributes:
        kind: rooms or streets.
        seed: What it was drawn from.
        domain: What its labels mean.
    """

    def __init__(self, kind: Kind, seed: int, renderer: Renderer, place: Room | Street) -> None:
        self.kind: Kind = kind
        self.seed = seed
        self.domain = domain_of(kind)
        self._renderer = renderer
        self._place = place

    def render(self, camera: Pinhole, pose: Pose) -> Rendering:
        """The view of a camera at a pose; the same bytes for the same arguments.

        Args:
            camera: Intrinsics and size.
            pose: (4, 4) float64 camera-to-world of the optical frame (x right, y down, z forward).

        Raises:
            ValueError: The pose is no rigid transform.
        """
        return self._renderer.render(camera, pose)

    def random_camera(self, rng: np.random.Generator, width: int, height: int) -> Pinhole:
        """A camera of that size in pixels, with a field of view that is usual in the domain."""
        low, high = _FOCAL[self.kind]
        return camera_of(width, height, float(np.exp(rng.uniform(np.log(low), np.log(high)))))

    def random_pose(self, rng: np.random.Generator, camera: Pinhole | None = None) -> Pose:
        """A plausible view of this world: not inside things, nor all of one thing.

        Args:
            rng: Source of randomness.
            camera: What will look; without it a camera of 4 by 3 and the domain's focal length.

        Returns:
            (4, 4) float64 camera-to-world.
        """
        width = _PROBE_WIDTH
        probe = camera.resized(width, max(8, round(width * camera.height / camera.width))) if camera else camera_of(
            width, 30, float(np.sqrt(np.prod(_FOCAL[self.kind]))))  # fmt: skip
        best, most = None, -1.0
        for _ in range(_TRIES):
            pose = self._place.random_pose(rng)
            worth = self._worth(*self._renderer.probe(probe, pose))
            if worth > most:
                best, most = pose, worth
            if most >= 1:
                break
        if best is None:
            raise RuntimeError(f"{self.kind} world {self.seed} offers no view; try another seed")
        return best

    def _worth(self, depth: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> float:
        """1 or more: a view to learn from."""
        solid = depth[np.isfinite(depth)]
        if len(solid) == 0:
            return 0.0
        near, few = (0.45, 6) if self.kind == "rooms" else (1.3, 4)
        close = float((solid < near).mean())
        shares = np.bincount(labels.ravel(), minlength=256) / labels.size
        classes = int((shares[:VOID_ID] > 0.005).sum())  # noqa: PLR2004
        even = float(shares.max())
        return (close < 0.002) * 0.4 + min(classes / few, 1.0) * 0.3 + min((1 - even) / 0.4, 1.0) * 0.3  # noqa: PLR2004

    def path(self, n_frames: int, fps: float = 10.0, seed: int = 0) -> list[Pose]:
        """A smooth way of a camera through the world.

        Args:
            n_frames: Number of poses.
            fps: Frames for each second of travel; the speed is that of a car in town, or of a hand.
            seed: Draws one of many ways.

        Returns:
            (4, 4) float64 camera-to-world poses.

        Raises:
            ValueError: A number is not above zero.
        """
        if n_frames < 1 or fps <= 0:
            raise ValueError(f"path of {n_frames} frames at {fps} fps; both must be above zero")
        rng = np.random.default_rng([self.seed, seed, 7])
        if isinstance(self._place, Street):
            return self._place.path(n_frames, fps, rng)
        return self._place.path(n_frames, fps, rng, self.random_pose(rng))


def domain_of(kind: Kind) -> Domain:
    """What the labels of that kind of world mean.

    Raises:
        ValueError: No such kind.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"unknown kind of world {kind!r}; choose {' or '.join(get_args(Kind))}")
    return NYUD if kind == "rooms" else KITTI


def make_world(kind: Kind, seed: int) -> World:
    """Draw a world.

    Args:
        kind: `rooms` (NYUD-40 labels) or `streets` (KITTI-6 labels).
        seed: 0 or more; the same seed gives the same world.

    Raises:
        ValueError: No such kind, or a negative seed.
    """
    domain = domain_of(kind)
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be 0 or more")
    kit = Kit(np.random.default_rng([seed, 0 if kind == "rooms" else 1]), domain)
    place: Room | Street = build_room(kit) if kind == "rooms" else build_street(kit)
    sensor = random_sensor(kit.rng, _EXPOSURE[kind])
    background = VOID_ID if kind == "rooms" else domain.class_ids(("sky",))[0]
    renderer = Renderer(kit.builder.build(), kit.table.columns(), place.light, sensor, background)
    return World(kind, seed, renderer, place)


@lru_cache(maxsize=2)
def _recent_world(kind: Kind, seed: int) -> World:
    return make_world(kind, seed)


def sample(kind: Kind, seed: int, camera: Pinhole | tuple[int, int]) -> Rendering:
    """One still picture: a random view of a random world, both drawn from the seed.

    Building a street takes as long as a few pictures of it, so consecutive seeds share one: those of the same
    `seed // VIEWS_PER_WORLD[kind]`. Ask for seeds in order where you can.

    Args:
        kind: `rooms` or `streets`.
        seed: 0 or more.
        camera: What looks; or (width, height) in pixels, and a field of view is drawn too.

    Raises:
        ValueError: As `make_world`.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be 0 or more")
    world = _recent_world(kind, seed // VIEWS_PER_WORLD.get(kind, 1))
    rng = np.random.default_rng([seed, 3])
    eye = world.random_camera(rng, *camera) if isinstance(camera, tuple) else camera
    return world.render(eye, world.random_pose(rng, eye))
