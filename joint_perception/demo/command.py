# SPDX-License-Identifier: Apache-2.0
"""`joint_perception demo`: a camera, the node, a scorer and a recorder, each in a process of its own."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.demo.options import add_input_options, frame_count, settle
from joint_perception.demo.shot import DemoError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from joint_perception.demo.children import Children
    from joint_perception.demo.recorder import Recorder
    from joint_perception.domains import Domain

WEIGHTS, CONFIG, DOMAIN = "demo", "demo", "nyud_kitti"
_DRAIN_S = 20.0  # for the last frame to come out, of a big image on a slow machine
_MARKER = ".joint_perception_demo"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "demo",
        help="see it work: camera, node, scorer and recorder over ROS 2",
        description="Plays a synthetic world, or pictures and videos of your own, as a camera into the node over "
        "ROS 2; scores what comes out against the world's truth, live; and leaves panels, an animation, clouds, the "
        "scores and an MCAP bag.",
    )
    add_input_options(parser)
    parser.add_argument("--weights", default=WEIGHTS, help=f"named weights or checkpoint file (default: {WEIGHTS})")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="folder for the results, made anew")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the demonstration.

    Raises:
        DemoError: It cannot start, a process ended, or no output came.
        ImageFileError: An input cannot be read.
        WeightsError: There are no such weights here.
    """
    from ament_index_python.packages import get_package_share_path  # noqa: PLC0415 (absent without ROS)

    from joint_perception.demo.children import terminable  # noqa: PLC0415
    from joint_perception.ros.dds import use_profile  # noqa: PLC0415

    settle(options)
    plan = _plan(options)
    share = get_package_share_path("joint_perception")
    use_profile(share)
    _make_anew(options.out)
    print(plan.words, flush=True)
    with terminable():
        _play(options, plan, share)
        _report(options, plan, share)
    return 0


@dataclass(frozen=True)
class _Plan:
    """What the other processes are told.

    Attributes:
        words: The same for the user.
        camera: Arguments of the camera.
        node: Arguments of `joint_perception`.
        truth: What the true labels mean; None: nobody knows the truth.
    """

    words: str
    camera: list[str]
    node: list[str]
    truth: Domain | None


def _plan(options: argparse.Namespace) -> _Plan:
    """Look at everything now that would fail later, in another process."""
    from joint_perception.demo import footage, names, scenery  # noqa: PLC0415
    from joint_perception.network import resolve_weights  # noqa: PLC0415

    located = resolve_weights(options.weights)
    weights = str(located.path.resolve()) if located.domain is None else options.weights
    count = frame_count(options)
    camera = ["--rate", str(options.rate), "--seconds", str(options.seconds)]
    if options.input:
        footage.check(options.input, count, options.rate)
        # Of weights that are not ours the domain is their own.
        domain = options.domain or (DOMAIN if options.weights == WEIGHTS else "")
        truth = None
        words = f"A camera plays {', '.join(map(str, options.input))}; nobody knows the truth, so there are no scores."
        camera += ["--domain", options.domain] if options.domain else []
        camera += ["--", *(str(path.resolve()) for path in options.input)]
    else:
        scenery.check(options.world, options.seed, count)
        truth = scenery.DOMAINS[options.world]
        domain = truth.name
        seed = scenery.FIRST_SEED[options.world] + options.seed
        words = (
            f"A camera goes through a synthetic world: {options.world}, seed {seed}, {scenery.WIDTH}x{scenery.HEIGHT}. "
            "No weights of this package were trained on that seed; the truth is exact."
        )
        camera += ["--world", options.world, "--seed", str(options.seed)]
    node = ["run", "--config", CONFIG, "--weights", weights, "--domain", domain, "--device", options.device]
    return _Plan(words, camera, [*node, "--image-topic", names.IMAGE_TOPIC], truth)


def _play(options: argparse.Namespace, plan: _Plan, share: Path) -> None:
    """Run all processes until the camera is through and the node is done."""
    import rclpy  # noqa: PLC0415
    from rclpy.signals import SignalHandlerOptions  # noqa: PLC0415

    from joint_perception.demo.children import Children, undisturbed  # noqa: PLC0415
    from joint_perception.demo.recorder import Recorder, message_types  # noqa: PLC0415
    from joint_perception.demo.report import summary  # noqa: PLC0415

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C is Python's, as everywhere
    recorder = Recorder(options.out / "bag", message_types(share), truth=plan.truth is not None)
    children = Children(options.out)
    scored = plan.truth is not None
    try:
        children.start("node", "joint_perception.cli", plan.node)
        if scored:
            children.start("scorer", "joint_perception.demo.scorer", ["--json", "scores.json"])
        # Of each topic of its the recorder is one listener, the node or the scorer another.
        children.start("camera", "joint_perception.demo.camera", ["--listeners", "2", *plan.camera])
        _spin(recorder, children, lambda: children.ended("camera"))
        end = time.monotonic() + _DRAIN_S
        _spin(recorder, children, lambda: _drained(recorder) or time.monotonic() > end)
    finally:
        with undisturbed():
            if scored:
                children.end("scorer")
            children.end_all()
            recorder.close()
            recorder.destroy_node()
            rclpy.try_shutdown()
    print("\n".join(["", "Over the topics (camera stamp to receipt in another process):", *summary(recorder)]))


def _spin(recorder: Recorder, children: Children, done: Callable[[], bool]) -> None:
    import rclpy  # noqa: PLC0415

    while not done():
        children.check_running("node")
        if recorder.refused:
            raise DemoError("the node did not become active; its own words are above")
        rclpy.spin_once(recorder, timeout_sec=0.1)


def _drained(recorder: Recorder) -> bool:
    stats = recorder.stats
    return stats is not None and stats.frames_in == stats.frames_out + stats.frames_dropped


def _report(options: argparse.Namespace, plan: _Plan, share: Path) -> None:
    """Draw what is in the bag and say where everything is."""
    from joint_perception.demo import names  # noqa: PLC0415
    from joint_perception.demo.playback import Playback  # noqa: PLC0415
    from joint_perception.demo.recorder import message_types  # noqa: PLC0415
    from joint_perception.demo.report import write_pictures  # noqa: PLC0415
    from joint_perception.domains import get_domain  # noqa: PLC0415

    out: Path = options.out
    playback = Playback(out / "bag", message_types(share))
    domain = playback.domain_name()
    files = write_pictures(playback, get_domain(domain), plan.truth, out, options.rate) if domain else []
    if not files:
        raise DemoError("the node ran but no complete set of outputs came; its own words are above")
    bag = next((out / "bag").glob("*.mcap"))
    files += [out / "scores.json"] if plan.truth is not None else []
    lines = ["", "What there is to look at:", *(f"  {file}" for file in files), f"  {bag} ({_megabytes(bag):.0f} MB)"]
    lines += [
        "",
        "How to look at it:",
        f"  Foxglove: open {bag}; 3D panel with {names.POINTS_TOPIC}, Image panels with {names.NODE_NAME}/overlay",
        f"  RViz2:    ros2 bag play --loop {out / 'bag'}",
        f"            rviz2 -d {share / 'config' / 'rviz' / 'perception.rviz'}",
        "  PLY:      MeshLab, CloudCompare",
    ]
    print("\n".join(lines))


def _make_anew(folder: Path) -> None:
    marker = folder / _MARKER
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not marker.exists()):
            raise DemoError(f"{str(folder)!r} is not a demo's folder, or holds other files; name another with --out")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    marker.touch()


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6
