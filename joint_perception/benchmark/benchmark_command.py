# SPDX-License-Identifier: Apache-2.0
"""`joint_perception benchmark`: what a frame costs, against the way this network is usually run."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

PARTS = ("engine", "end_to_end", "batch", "outpaced", "roofline", "profile")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "benchmark",
        help="measure latency, CPU time and memory against the usual way to run this network",
        description="Measures the engine alone, by runtime and precision, and camera stamp to received results over "
        "DDS, with camera, node and subscriber in processes of their own, variants in turn. The peer variant is the "
        "network as it is usually run: eager PyTorch, OpenCV, NumPy. Ctrl-C leaves what was measured until then.",
    )
    parser.add_argument("--quick", action="store_true", help="less of everything: under a minute on a quiet machine")
    parser.add_argument("--growth", action="store_true", help="also growth with the image's size, cameras, topics")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=None, help="only these (default: all of them)")
    parser.add_argument(
        "--variants",
        nargs="+",
        default=None,
        metavar="VARIANT",
        help="nodes to compare: peer; fp32, bf16, fp16 with the fastest runtime; or RUNTIME_PRECISION "
        "(default: peer fp32 bf16, and fp16 on a GPU)",
    )
    parser.add_argument("--sizes", nargs="+", default=["640x480", "1200x350"], help="WIDTHxHEIGHT of the images")
    parser.add_argument(
        "--images", nargs="+", type=Path, default=[], help="pictures to show, in place of synthetic ones"
    )
    parser.add_argument("--weights", default="demo", help="named weights or checkpoint file (default: demo)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--rounds", type=int, help="times that each variant has its turn (default: 8)")
    parser.add_argument("--frames", type=int, help="frames of a turn that count (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the results there (needs matplotlib)")
    parser.add_argument(
        "--markdown",
        nargs="?",
        const="",
        metavar="PAGE",
        help="tables in Markdown; with a page, between its lines <!-- benchmark --> and <!-- /benchmark -->",
    )
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing: show what --json wrote")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and show what was measured, even after an interrupt.

    Raises:
        BenchmarkError: A process cannot be started or ended, or matplotlib is not installed.
        ValueError: A size that is none, or results that are none.
        WeightsError: There are no such weights here.
    """
    from joint_perception.benchmark import plot, report  # noqa: PLC0415

    if options.plot:
        plot.check()
    if options.read:
        report.show(report.read(options.read), options)
        return 0
    from joint_perception.benchmark.measure import Measurement  # noqa: PLC0415 (loads torch)

    measurement = Measurement(options)
    status = 0
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: no process is left behind
    try:
        measurement.run()
    except KeyboardInterrupt:
        status = 130
    finally:
        signal.signal(signal.SIGTERM, before)
        if measurement.measured:
            report.show(measurement.results, options)
    return status
