# SPDX-License-Identifier: Apache-2.0
"""A camera's way through a synthetic world, rendered by two processes."""

from __future__ import annotations

import multiprocessing
import platform
import signal
from typing import TYPE_CHECKING, cast

from tqdm import tqdm

from joint_perception.demo.shot import DemoError, Shot, Truth
from joint_perception.domains import KITTI, NYUD
from joint_perception.offline.files import assumed_camera
from joint_perception.ros.optional import present

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from joint_perception.domains import Domain
    from joint_perception.geometry import Pinhole
    from joint_perception.learning.worlds import Kind

# What each kind of world is labelled by. Its camera is the domain's, too: depth then needs no rescaling.
DOMAINS: dict[str, Domain] = {"streets": KITTI, "rooms": NYUD}
WIDTH, HEIGHT = 320, 240
"""Pixels of the images, as the `demo` weights were trained on."""

FIRST_SEED = {"streets": 250_000, "rooms": 2_000_000}
"""Seed of world 0: the first of those that the test splits of joint_perception.learning.datasets are drawn from,
which come after all those of training and validation."""

_MOST_FRAMES = 2000  # 1.2 GB, since all are rendered before the first is played
_PROCESSES = 2


def check(kind: str, number: int, count: int) -> None:
    """Complain about what `render_path` cannot do.

    Raises:
        DemoError: No such kind of world or number, too many frames, or the renderer is not installed.
    """
    if kind not in DOMAINS:
        raise DemoError(f"there is no world {kind!r}; choose {' or '.join(DOMAINS)}")
    if number < 0:
        raise DemoError(f"the seed is {number}; it must be 0 or more")
    if count > _MOST_FRAMES:
        raise DemoError(
            f"{count} frames are more than the {_MOST_FRAMES} that are rendered at most; lower the rate or the seconds"
        )
    if not present("embreex"):
        raise DemoError(
            f"the renderer of the synthetic worlds, embreex, is not installed (PyPI has it for x86_64, this machine is "
            f"{platform.machine()}); try `pip install embreex`, or play pictures of your own: name images, a folder "
            "of images or a video file"
        )


def path_camera(kind: str) -> Pinhole:
    """The camera that goes through that kind of world."""
    return assumed_camera(DOMAINS[kind], WIDTH, HEIGHT)


def render_path(kind: str, number: int, count: int, rate: float) -> list[Shot]:
    """Render a way through a world, with a progress bar.

    Args:
        kind: `streets` or `rooms`.
        number: Which world of those that no weights of ours were trained on: its seed is `FIRST_SEED` more.
        count: Number of frames.
        rate: Frames for each second of travel.

    Raises:
        DemoError: As `check`; or a process that renders ended.
    """
    check(kind, number, count)
    # Not forked: a child would inherit the ends of the other's pipe, and not see it close when this process ends.
    context = multiprocessing.get_context("spawn")
    processes, pipes = [], []
    shots: list[Shot] = []
    # They inherit that they ignore Ctrl-C, which reaches all: this process ends them.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for first in range(min(_PROCESSES, count)):
            pipe, end = context.Pipe(duplex=False)
            part = (kind, number, count, rate, first)
            process = context.Process(target=_render_part, args=(end, *part), daemon=True)
            process.start()
            end.close()
            processes.append(process)
            pipes.append(pipe)
        signal.signal(signal.SIGINT, before)
        with tqdm(total=count, unit="frame", desc=f"rendering {kind} {number}", mininterval=0.5) as bar:
            for i in range(count):
                shots.append(pipes[i % len(pipes)].recv())
                bar.update()
    except EOFError:
        raise DemoError(
            f"a process that renders ended after frame {len(shots)} of {count}; its own words are above"
        ) from None
    finally:
        signal.signal(signal.SIGINT, before)
        for process in processes:
            process.terminate()
            process.join()
    return shots


def _render_part(end: Connection, kind: str, number: int, count: int, rate: float, first: int) -> None:
    """Render every so manieth frame into a pipe, until it is closed."""
    from joint_perception.learning.worlds import make_world  # noqa: PLC0415 (absent where embreex is)

    world = make_world(cast("Kind", kind), FIRST_SEED[kind] + number)
    camera = path_camera(kind)
    poses = world.path(count, rate)
    try:
        for pose in poses[first::_PROCESSES]:
            view = world.render(camera, pose)
            end.send(Shot(view.image, camera, Truth(view.labels, view.depth, view.pose)))
    except BrokenPipeError:
        return
