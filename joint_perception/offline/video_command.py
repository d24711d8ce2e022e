# SPDX-License-Identifier: Apache-2.0
"""`joint_perception video`: a video, a stream, a camera or a folder of pictures through the network, without ROS."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.offline import perception

if TYPE_CHECKING:
    import argparse

_INTERRUPTED = 130
_FILES_TOLD = 6


class OptionError(ValueError):
    """An option with a value it cannot have."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "video",
        help="label images, depth and clouds of a video, a stream, a camera or a folder of pictures",
        description="Leaves in --out: bag (MCAP, with the pictures and the node's output topics), annotated.mp4 and, "
        "with --ply-every, ply/*.ply. Ctrl-C finishes the files. Points need a focal length: --fx.",
    )
    parser.add_argument(
        "source", metavar="FILE|URL|DEVICE", help="video file, folder of pictures, URL, or a camera such as /dev/video0"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    perception.add_arguments(parser)
    parser.add_argument("--fx", type=float, help="focal length in pixels (default: of the domain's training camera)")
    parser.add_argument("--rate", type=float, help="pictures a second (default: the video's own; 10 for a folder)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th picture")
    parser.add_argument("--outputs", default="label,depth,points,camera_info", metavar="LIST", help="as of `bag`")
    parser.add_argument("--images", choices=("raw", "compressed"), default="raw", help="as of `bag`")
    parser.add_argument(
        "--pictures", choices=("jpeg", "png"), default="jpeg", help="how the pictures go into the bag (default: jpeg)"
    )
    parser.add_argument(
        "--ply-every", type=int, default=0, metavar="N", help="a PLY of every N-th frame (default: none)"
    )
    parser.add_argument("--no-bag", action="store_true", help="write no bag")
    parser.add_argument("--no-video", action="store_true", help="write no annotated.mp4")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Process the footage.

    Returns:
        0; 1 where a picture could not be read; 130 after an interrupt.

    Raises:
        ValueError, RuntimeError: Named after what is wrong with the options, the footage, the weights or the folder.
    """
    settings = perception.settings_from(options)
    from joint_perception.offline.bags.job import Job  # noqa: PLC0415 (rosbags, OpenCV, torch: not for --help)
    from joint_perception.offline.footage import Footage  # noqa: PLC0415
    from joint_perception.offline.video_run import VideoRun, Wanted  # noqa: PLC0415

    if options.fx is not None and not 0 < options.fx < math.inf:
        raise OptionError(f"--fx is {options.fx}; a focal length in pixels is a number above zero")
    if options.ply_every < 0:
        raise OptionError(f"--ply-every is {options.ply_every}; it is 0 or more")
    out: Path = options.out
    if taken := [name for name in ("bag", "annotated.mp4", "ply") if (out / name).exists()]:
        raise OptionError(f"--out {str(out)!r} has {', '.join(taken)} already; name another folder, or delete them")
    outputs = tuple(name.strip() for name in options.outputs.split(",") if name.strip())
    job = Job(settings=settings, outputs=outputs, images=options.images)
    footage = Footage(options.source, options.rate, options.every)
    engine = perception.load(settings)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--out {str(out)!r} cannot be made a folder ({error.strerror}); name another") from error
    wanted = Wanted(
        job,
        bag=not options.no_bag,
        movie=not options.no_video,
        ply_every=options.ply_every,
        fx=options.fx,
        pictures=options.pictures,
    )
    made = VideoRun(engine, footage, wanted, out).run(progress=not options.no_progress)
    for problem in footage.problems:
        print(f"warning: {problem}", file=sys.stderr)
    shown = [str(file) for file in made.files]
    more = f" and {len(shown) - _FILES_TOLD} more" if len(shown) > _FILES_TOLD else ""
    print(f"{made.frames} frames; {', '.join(shown[:_FILES_TOLD])}{more}")
    if made.report is not None:
        for name, count in made.report.counts.items():
            print(f"{name} {count} messages, {made.report.sizes[name] / 1e6:.1f} MB before compression")
    if made.interrupted:
        return _INTERRUPTED
    return 1 if footage.problems else 0
