# SPDX-License-Identifier: Apache-2.0
"""`joint_perception train`: a network trained as a YAML file says."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


class RootError(ValueError):
    """A --root that is not NAME=DIR."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "train",
        help="train the network as a YAML file says",
        description="Trains as CONFIG says and leaves in --out: best.safetensors and last.safetensors (weights, with "
        "the record of the training in their metadata), state.pt (to --resume from), log.jsonl and pictures/. Ctrl-C "
        "finishes the step and saves. Several devices: torchrun --nproc-per-node N -m joint_perception.cli train ...",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file, such as config/training/tiny.yaml")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the training")
    parser.add_argument("--resume", action="store_true", help="go on with the training in --out")
    parser.add_argument(
        "--root", action="append", default=[], metavar="NAME=DIR", help="folder of a data set; once for each"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--max-minutes", type=float, default=math.inf, metavar="M", help="stop, resumable, after M")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train.

    Returns:
        0 when finished or out of minutes, 128 + number after a signal.

    Raises:
        ValueError, RuntimeError: Named after what is wrong with the configuration, a data set, the weights, the device
            or the folder.
    """
    # Threads that wait for one another by spinning stand still when a loading process takes one of their cores: a
    # step of 1.4 s takes 4 to 8 then, and 2.4 with this. OpenMP reads it when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from joint_perception.learning.processes import keep_freed_memory  # noqa: PLC0415 (torch: not for --help)
    from joint_perception.learning.train import LAST_FILE, train  # noqa: PLC0415
    from joint_perception.learning.training_config import load_config  # noqa: PLC0415

    config = load_config(options.config, roots_of(options.root))
    keep_freed_memory()
    outcome = train(
        config,
        options.out,
        device=options.device,
        resume=options.resume,
        max_minutes=options.max_minutes,
        progress=not options.no_progress,
    )
    best = "" if outcome.best is None else f", best score {outcome.best:.4f}"
    if os.environ.get("RANK", "0") != "0":
        pass  # of several processes one tells
    elif outcome.step == outcome.steps:
        print(f"{outcome.steps} steps{best}; weights in {options.out / LAST_FILE}")
    else:
        print(f"stopped after step {outcome.step} of {outcome.steps}{best}; go on with --resume")
    if outcome.signal is not None:
        return 128 + int(signal.Signals(outcome.signal))
    return 0


def roots_of(texts: Sequence[str]) -> dict[str, str]:
    """Folders by name of data set, from what --root was given.

    Raises:
        RootError: One is not NAME=DIR.
    """
    roots = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise RootError(f"--root is {text!r}; write NAME=DIR, such as camvid=data/camvid")
        roots[name] = folder
    return roots
