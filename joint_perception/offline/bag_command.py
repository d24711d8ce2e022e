# SPDX-License-Identifier: Apache-2.0
"""`joint_perception bag`: a recording through the network, into a new bag."""

from __future__ import annotations

import functools
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from joint_perception.offline import perception

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from joint_perception.offline.bags.job import Job
    from joint_perception.offline.bags.run import Outcome, Runner

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
    parser.add_argument(
        "recordings", nargs="+", type=Path, metavar="IN", help="rosbag2 folder, or .mcap, .db3 or .bag file"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="BAG", help="the new bag, a folder; of several INs, a folder of bags"
    )
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
    group.add_argument(
        "--cluster",
        metavar="auto|ADDRESS",
        help="on a Ray cluster: the one of this machine, or this machine alone (auto), or that of a head's address",
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="with --cluster (default: one a GPU, or a group of OMP_NUM_THREADS cores)",
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
    """Process recordings.

    Returns:
        0; 1 where an image could not be processed, or a recording or a part of one not be read.

    Raises:
        ValueError, RuntimeError: Named after what is wrong with the options, the recording, the weights or the place.
    """
    settings = perception.named_runtime(perception.settings_from(options))
    job = job_from(options, settings)
    targets = _targets(options.recordings, options.out)
    compress = not options.no_compression
    if options.cluster is None:
        from joint_perception.offline.bags.run import local_runner  # noqa: PLC0415

        load = functools.cache(lambda: perception.load(settings))
        return _process_all(options, job, targets, local_runner(load, compress=compress), 1)
    from joint_perception.offline.bags.cluster import Cluster  # noqa: PLC0415

    with Cluster(options.cluster, settings, compress=compress, workers=options.workers) as cluster:
        # One recording more than workers: while one is read for its plan or joined, the others go on.
        return _process_all(options, job, targets, cluster.runner, cluster.workers + 1)


def _targets(recordings: list[Path], out: Path) -> dict[Path, Path]:
    """The new bag of each recording.

    Raises:
        BagError: Two would be one.
    """
    from joint_perception.offline.bags.errors import BagError  # noqa: PLC0415

    if len(recordings) == 1:
        return {recordings[0]: out}
    targets = {path: out / (path.name if path.is_dir() else path.stem) for path in recordings}
    if len(set(targets.values())) < len(recordings):
        raise BagError(f"two of the recordings would become one bag in {str(out)!r}; rename one, or give it an --out")
    return targets


def _process_all(
    options: argparse.Namespace, job: Job, targets: dict[Path, Path], runner: Runner, together: int
) -> int:
    from joint_perception.offline.bags.errors import BagError  # noqa: PLC0415
    from joint_perception.offline.bags.run import process  # noqa: PLC0415

    alone = len(targets) == 1

    def one(path: Path) -> Outcome:
        targets[path].parent.mkdir(parents=True, exist_ok=True)
        told = {"storage": options.storage, "restart": options.restart}
        return process(path, job, targets[path], runner, progress=alone and not options.no_progress, **told)

    if alone:
        (path,) = targets
        return tell(one(path), targets[path])
    status = 0
    with tqdm(total=len(targets), unit="bag", disable=options.no_progress) as bar:
        todo = [path for path in targets if not targets[path].exists()]
        bar.update(len(targets) - len(todo))  # an earlier run did them
        for path, outcome in _outcomes(one, todo, together):
            try:
                with tqdm.external_write_mode():
                    status |= tell(outcome(), targets[path])
            except BagError as error:
                tqdm.write(f"error: {path}: {error}", file=sys.stderr)
                status = 1
            bar.update()
    return status


def _outcomes(
    one: Callable[[Path], Outcome], todo: list[Path], together: int
) -> Iterator[tuple[Path, Callable[[], Outcome]]]:
    """Each recording, and what gives or raises what became of it, as they are done."""
    if together == 1:
        yield from ((path, functools.partial(one, path)) for path in todo)
        return
    pool = ThreadPoolExecutor(together, "recording")
    done = {pool.submit(one, path): path for path in todo}
    try:
        for future in as_completed(done):
            yield done[future], future.result
    finally:  # after an interrupt nobody waits for the others: they go on when the command is given again
        pool.shutdown(wait=False, cancel_futures=True)


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
