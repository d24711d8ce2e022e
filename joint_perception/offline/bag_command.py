# SPDX-License-Identifier: Apache-2.0
"""`joint_perception bag`: a recording through the network, into a new bag."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.offline import perception

if TYPE_CHECKING:
    import argparse

    from joint_perception.offline.bags.job import Job
    from joint_perception.offline.bags.run import Outcome

_PROBLEMS_TOLD = 20


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "bag",
        help="label images, depth and clouds of a recording, without a ROS graph",
        description="Reads a rosbag2 folder, an .mcap, .db3 or rosbag1 file and writes a bag with the recorded "
        "messages and the node's output topics, with the stamps and times of the recorded images. A run that was "
        "ended goes on when it is started again.",
    )
    parser.add_argument("recording", type=Path, metavar="IN", help="rosbag2 folder, or .mcap, .db3 or .bag file")
    parser.add_argument("--out", required=True, type=Path, metavar="BAG", help="the new bag, a folder")
    perception.add_arguments(parser)
    add_selection(parser)
    group = parser.add_argument_group("the new bag")
    group.add_argument("--only-new", action="store_true", help="leave the recorded messages out")
    group.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap", help="default: mcap")
    group.add_argument("--no-compression", action="store_true", help="do not compress the MCAP's chunks by zstd")
    group = parser.add_argument_group("the run")
    group.add_argument("--batch", type=int, help="images in the network together (default: 1 on a CPU, 8 on a GPU)")
    group.add_argument(
        "--chunk", type=int, default=64, help="frames that are done, kept and repeated together (default: 64)"
    )
    group.add_argument("--restart", action="store_true", help="throw away what an earlier, ended run left")
    group.add_argument("--no-progress", action="store_true", help="show no progress bars")
    parser.set_defaults(run=run)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what goes in and what comes out."""
    group = parser.add_argument_group("what goes in")
    group.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="image topics (default: all in colour)")
    group.add_argument(
        "--camera-info", action="append", default=[], metavar="IMAGE=INFO", help="topic of an image topic's camera_info"
    )
    group.add_argument(
        "--pairing",
        choices=("exact", "latest"),
        default="exact",
        help="camera_info of the image's stamp, or the newest before it (default: exact)",
    )
    group.add_argument("--start", type=float, default=0.0, metavar="S", help="seconds from the recording's beginning")
    group.add_argument("--end", type=float, metavar="S", help="seconds from the recording's beginning")
    group.add_argument("--every", type=int, default=1, metavar="N", help="every N-th image of a camera")
    group = parser.add_argument_group("what comes out")
    group.add_argument(
        "--outputs",
        default="label,depth,points,camera_info",
        metavar="LIST",
        help="of label, label_color, overlay, confidence, depth, normals, points, obstacles, image_rect, camera_info "
        "(default: label,depth,points,camera_info)",
    )
    group.add_argument(
        "--images",
        choices=("raw", "compressed"),
        default="raw",
        help="raw as the node publishes them, or as image_transport's compressed and compressedDepth (default: raw)",
    )
    group.add_argument("--node-name", default="joint_perception", metavar="NAME", help="namespace of the output topics")


def job_from(options: argparse.Namespace, settings: dict[str, Any]) -> Job:
    """The job that the options ask for.

    Raises:
        BagError: They leave nothing to do, or --camera-info is not IMAGE=INFO.
    """
    from joint_perception.engine.devices import select_device  # noqa: PLC0415 (torch: not for --help)
    from joint_perception.offline.bags.errors import BagError  # noqa: PLC0415
    from joint_perception.offline.bags.job import Job  # noqa: PLC0415

    infos = dict(pair.partition("=")[::2] for pair in options.camera_info)
    if not all(infos.values()):
        raise BagError(f"--camera-info is {options.camera_info}; write IMAGE=INFO, both of them topics")
    batch = options.batch
    if batch is None:
        batch = 8 if select_device(settings["device"]).type == "cuda" else 1
    return Job(
        settings=settings,
        topics=tuple(options.topics),
        infos=infos,
        pairing=options.pairing,
        start=options.start,
        end=options.end,
        every=options.every,
        outputs=tuple(name.strip() for name in options.outputs.split(",") if name.strip()),
        images=options.images,
        originals=not options.only_new,
        node=options.node_name.strip("/"),
        batch=batch,
        chunk=options.chunk,
    )


def run(options: argparse.Namespace) -> int:
    """Process a recording.

    Returns:
        0; 1 where an image could not be processed, or a part of the recording not be read.

    Raises:
        ValueError, RuntimeError: Named after what is wrong with the options, the recording, the weights or the place.
    """
    settings = perception.named_runtime(perception.settings_from(options))
    job = job_from(options, settings)
    from joint_perception.offline.bags.run import local_runner, process  # noqa: PLC0415

    runner = local_runner(lambda: perception.load(settings), compress=not options.no_compression)
    outcome = process(
        options.recording,
        job,
        options.out,
        runner,
        storage=options.storage,
        restart=options.restart,
        progress=not options.no_progress,
    )
    return tell(outcome, options.out)


def tell(outcome: Outcome, out: Path) -> int:
    """Print what became of a recording; the exit status."""
    problems = [*outcome.plan.problems, *(problem for report in outcome.reports for problem in report.problems)]
    for problem in problems[:_PROBLEMS_TOLD]:
        print(f"warning: {problem}", file=sys.stderr)
    if len(problems) > _PROBLEMS_TOLD:
        print(f"warning: and {len(problems) - _PROBLEMS_TOLD} more", file=sys.stderr)
    for note in outcome.plan.notes:
        print(f"note: {note}", file=sys.stderr)
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    skipped = dict(outcome.plan.skipped)
    for report in outcome.reports:
        for name, count in report.counts.items():
            counts[name] = counts.get(name, 0) + count
            sizes[name] = sizes.get(name, 0) + report.sizes[name]
        for cause, count in report.skipped.items():
            skipped[cause] = skipped.get(cause, 0) + count
    width = max(map(len, counts), default=0)
    for name, count in counts.items():
        print(f"{name:{width}} {count:8} messages {sizes[name] / 1e6:12.1f} MB")
    total = sum(sizes.values())
    share = f" ({100 * outcome.size / total:.0f} % of the messages' {total / 1e6:.1f} MB)" if total else ""
    print(f"{out}: {outcome.size / 1e6:.1f} MB{share}")
    frames = sum(report.frames for report in outcome.reports)
    lost = "".join(f", {count} {cause}" for cause, count in skipped.items())
    rate = outcome.frames / outcome.seconds if outcome.seconds else 0.0
    print(f"{frames} frames{lost}; {outcome.frames} of them now, in {outcome.seconds:.1f} s, {rate:.1f} frames/s")
    return 1 if problems or skipped else 0
