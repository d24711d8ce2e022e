# SPDX-License-Identifier: Apache-2.0
"""The options that say what the demonstration's camera sees."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from joint_perception.demo.shot import DemoError

KINDS = ("streets", "rooms")


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Declare INPUT, --world, --seed, --domain, --rate and --seconds."""
    parser.add_argument(
        "input",
        nargs="*",
        type=Path,
        metavar="INPUT",
        help="PNG or JPEG files, folders of them, video files (default: a synthetic world)",
    )
    parser.add_argument("--world", choices=KINDS, help="which synthetic world, without INPUT (default: streets)")
    parser.add_argument("--seed", type=int, help="which one of those that no weights were trained on (default: 0)")
    parser.add_argument("--domain", choices=("nyud", "kitti", "nyud_kitti"), help="what labels of INPUT mean")
    parser.add_argument("--rate", type=_positive, default=10.0, help="frames a second (default: 10)")
    parser.add_argument("--seconds", type=_positive, default=10.0, help="how long the camera plays (default: 10)")


def settle(options: argparse.Namespace) -> None:
    """Fill in what was left out.

    Raises:
        DemoError: Options that belong to a synthetic world were given with INPUT, or the reverse.
    """
    if options.input:
        if options.world is not None or options.seed is not None:
            raise DemoError("--world and --seed are of the synthetic worlds; leave them out, or leave INPUT out")
    elif options.domain is not None:
        raise DemoError(
            f"--domain {options.domain} is for pictures of your own; a synthetic world has its own: choose --world"
        )
    else:
        options.world, options.seed = options.world or KINDS[0], options.seed or 0


def frame_count(options: argparse.Namespace) -> int:
    """How many frames the camera plays at most."""
    rate, seconds = float(options.rate), float(options.seconds)
    return max(1, round(rate * seconds))


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return value
