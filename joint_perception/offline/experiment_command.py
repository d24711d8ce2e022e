# SPDX-License-Identifier: Apache-2.0
"""`joint_perception experiment`: the paper's comparison in small, as a YAML file says."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.offline.train_command import RootError, roots_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_FILES = "camvid"  # the others are rendered


class SeedsError(ValueError):
    """Seeds that are no numbers."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "experiment",
        help="compare single, joint, masked and distilled training, as in the paper but small",
        description="Trains every arm at every share of labels for every seed as CONFIG says, and leaves in --out: "
        "results.jsonl, table.md and a folder for each training. What has a result is not repeated: after Ctrl-C, or "
        "--max-minutes, the same command goes on.",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="such as config/training/experiment/small.yaml")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the experiment")
    parser.add_argument(
        "--root", action="append", default=[], metavar="NAME=DIR", help="folder of a data set; once for each"
    )
    parser.add_argument("--seeds", metavar="N,N", help="instead of those in CONFIG; results of others are kept")
    parser.add_argument("--worlds", metavar="NAME,NAME", help="some of those in CONFIG")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="trainings at a time (default: 1)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--max-minutes", type=float, default=math.inf, metavar="M", help="stop, resumable, after M")
    parser.add_argument("--table-only", action="store_true", help="write table.md from the results that are there")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Do the experiment, or go on with it.

    Returns:
        0 when finished or out of minutes, 128 + number after a signal.

    Raises:
        ValueError, RuntimeError: Named after what is wrong with the configuration, a data set, a run, the device or
            the folder.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as for `train`
    from joint_perception.learning.experiment import load_experiment, run_experiment  # noqa: PLC0415 (torch)
    from joint_perception.learning.experiment.schedule import write_table  # noqa: PLC0415

    worlds = None if options.worlds is None else options.worlds.split(",")
    config = load_experiment(options.config, worlds, None if options.seeds is None else _seeds(options.seeds))
    if options.table_only:
        print(write_table(config, options.out))
        return 0
    summary = run_experiment(
        config,
        options.out,
        _roots(options.root),
        jobs=options.jobs,
        device=options.device,
        max_minutes=options.max_minutes,
        progress=not options.no_progress,
    )
    going_on = "" if summary.done == summary.total else "; the same command goes on"
    print(f"{summary.done} of {summary.total} trainings done, table in {options.out / 'table.md'}{going_on}")
    if summary.signal is not None:
        return 128 + int(signal.Signals(summary.signal))
    return 0


def _seeds(text: str) -> list[int]:
    if not all(word.isdecimal() for word in text.split(",")):
        raise SeedsError(f"--seeds is {text!r}; write numbers with commas between them, such as 0,1,2")
    return [int(word) for word in text.split(",")]


def _roots(texts: Sequence[str]) -> dict[str, Path]:
    roots = roots_of(texts)
    for name in roots:
        if name != _FILES:
            raise RootError(f"--root names {name!r}; of the experiment's data sets only {_FILES} has a folder")
    return {name: Path(folder) for name, folder in roots.items()}
