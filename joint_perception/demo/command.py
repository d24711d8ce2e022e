# SPDX-License-Identifier: Apache-2.0
"""`joint_perception demo`: a camera, the node and a recorder, each in a process of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from joint_perception.demo.recorder import Recorder

NODE_NAME = "/joint_perception"
DOMAIN = "nyud_kitti"
_START_S = 60.0  # for the node to load torch and warm up, on a slow machine
_DRAIN_S = 5.0  # for the last frame to come out


class DemoError(RuntimeError):
    """The demonstration did not get to its end."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "demo",
        help="see it work: camera, node and recorder over ROS 2",
        description="Plays pictures as a camera into the node over ROS 2, receives every output, and leaves panels, "
        "clouds and an MCAP bag.",
    )
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="PNG or JPEG files (default: a drawing)")
    parser.add_argument("--weights", help="named weights or checkpoint file (default: RANDOM ones, which know nothing)")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="folder for the results, made anew")
    parser.add_argument("--rate", type=float, default=10.0, help="frames a second (default: 10)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the camera plays (default: 10)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the demonstration.

    Raises:
        DemoError: The node ended, did not start, or no output came.
        ImageFileError: A picture cannot be read.
    """
    from ament_index_python.packages import get_package_share_path  # noqa: PLC0415 (absent without ROS)

    from joint_perception.demo.random_weights import write_random_weights  # noqa: PLC0415
    from joint_perception.demo.scene import draw_street  # noqa: PLC0415
    from joint_perception.domains import get_domain  # noqa: PLC0415
    from joint_perception.offline.files import read_image, write_image  # noqa: PLC0415
    from joint_perception.ros.dds import use_profile  # noqa: PLC0415

    share = get_package_share_path("joint_perception")
    use_profile(share)
    for path in options.images:
        read_image(path)  # complains now, not in another process
    out: Path = options.out
    _make_anew(out)
    images = [path.resolve() for path in options.images]
    if not images:
        images = [out.resolve() / "drawing.png"]
        write_image(images[0], draw_street())
    domain = get_domain(DOMAIN)
    weights = options.weights
    if weights is not None and Path(weights).is_file():
        weights = str(Path(weights).resolve())
    if weights is None:
        weights = str(out.resolve() / "random_weights.safetensors")
        write_random_weights(Path(weights), domain.num_classes)
    warning = _warning() if options.weights is None else []
    print("\n".join(warning), flush=True)

    recorder = _record(options, images, weights, share)
    from joint_perception.demo.report import summary, write_pictures  # noqa: PLC0415

    classes = recorder.newest[f"{NODE_NAME}/classes"][0, 0]
    files = write_pictures(recorder, NODE_NAME, get_domain(classes.domain), out, "(RANDOM WEIGHTS)" if warning else "")
    if not files:
        raise DemoError("the node ran but no complete set of outputs came; its own words are above")
    bag = next((out / "bag").glob("*.mcap"))
    lines = ["", "What was measured (camera stamp to receipt in another process):", *summary(recorder, NODE_NAME)]
    lines += ["", "What there is to look at:", *(f"  {file}" for file in files), f"  {bag} ({_megabytes(bag):.0f} MB)"]
    lines += [
        "",
        "How to look at it:",
        f"  Foxglove: open {bag}; 3D panel with {NODE_NAME}/points, Image panels with {NODE_NAME}/overlay",
        f"  RViz2:    ros2 bag play --loop {out / 'bag'}",
        f"            rviz2 -d {share / 'config' / 'rviz' / 'perception.rviz'}",
        "  PLY:      MeshLab, CloudCompare",
        *warning,
    ]
    print("\n".join(lines))
    return 0


def _record(options: argparse.Namespace, images: Sequence[Path], weights: str, share: Path) -> Recorder:
    import rclpy  # noqa: PLC0415

    from joint_perception.demo.player import IMAGE_TOPIC  # noqa: PLC0415
    from joint_perception.demo.recorder import Recorder  # noqa: PLC0415

    rclpy.init(args=[])
    recorder = Recorder(options.out / "bag", NODE_NAME, share)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        arguments = ["run", "--config", DOMAIN, "--weights", weights, "--image-topic", IMAGE_TOPIC]
        if options.weights is not None:
            arguments += ["--domain", ""]  # whatever the user's weights have
        node = _start(["joint_perception.cli", *arguments], options.out)
        processes.append(node)
        _spin(recorder, node, _START_S, lambda: f"{NODE_NAME}/classes" in recorder.newest)
        if f"{NODE_NAME}/classes" not in recorder.newest:
            raise DemoError("the node did not become active; its own words are above")
        timing = ["--rate", str(options.rate), "--seconds", str(options.seconds)]
        camera = _start(["joint_perception.demo.player", *timing, *map(str, images)], options.out)
        processes.append(camera)
        _spin(recorder, node, options.seconds + _START_S, lambda: camera.poll() is not None)
        _spin(recorder, node, _DRAIN_S, lambda: _drained(recorder))
    finally:
        for process in reversed(processes):
            _end(process)
        recorder.close()
        recorder.destroy_node()
        rclpy.try_shutdown()
    return recorder


def _spin(recorder: Recorder, node: subprocess.Popen[bytes], seconds: float, done: Any) -> None:
    import rclpy  # noqa: PLC0415

    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        if node.poll() is not None:
            raise DemoError(f"the node ended with status {node.returncode}; its own words are above")
        rclpy.spin_once(recorder, timeout_sec=0.1)


def _drained(recorder: Recorder) -> bool:
    stats = recorder.newest.get(f"{NODE_NAME}/stats", {}).get((0, 0))
    return stats is not None and stats.frames_in == stats.frames_out + stats.frames_dropped


def _start(module: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    # From the output folder: -m puts the working directory first on the path, and the source tree, which
    # has no messages, must not hide the installed package.
    return subprocess.Popen([sys.executable, "-m", *module], cwd=folder)  # noqa: S603 (our own modules)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _make_anew(folder: Path) -> None:
    marker = folder / ".joint_perception_demo"
    if folder.exists():
        if any(folder.iterdir()) and not marker.exists():
            raise DemoError(f"folder {str(folder)!r} holds files that are not a demo's; name another with --out")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    marker.touch()


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def _warning() -> list[str]:
    return [
        "",
        "=" * 92,
        "  RANDOM WEIGHTS: the labels and depths of this demo mean NOTHING. It shows that the stream works.",
        "  For real ones: joint_perception weights fetch nyud_kitti   (academic, non-commercial use only)",
        "=" * 92,
    ]
