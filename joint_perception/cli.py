# SPDX-License-Identifier: Apache-2.0
"""The command `joint_perception <verb>`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import joint_perception
from joint_perception.benchmark import benchmark_command
from joint_perception.demo import command as demo_command
from joint_perception.offline import (
    bag_command,
    calibrate_confidence_command,
    distill_command,
    evaluate_command,
    experiment_command,
    export_command,
    infer_command,
    robustness_command,
    train_command,
    video_command,
    view_command,
    weights_command,
)
from joint_perception.ros import calibrate_depth_command, run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

ROS_ARGUMENTS = "--ros-args"
COMMANDS = (
    run_command,
    demo_command,
    infer_command,
    bag_command,
    video_command,
    view_command,
    evaluate_command,
    robustness_command,
    calibrate_confidence_command,
    calibrate_depth_command,
    train_command,
    distill_command,
    experiment_command,
    export_command,
    benchmark_command,
    weights_command,
)


def parser() -> argparse.ArgumentParser:
    """The command line: a verb and its options."""
    top = argparse.ArgumentParser(
        prog="joint_perception",
        description="Labels, metric depth and coloured point clouds from camera images.",
    )
    top.add_argument("--version", action="version", version=f"joint_perception {joint_perception.__version__}")
    verbs = top.add_subparsers(title="verbs", metavar="<verb>", required=True)
    for command in COMMANDS:
        command.add_parser(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb.

    Args:
        arguments: The command line without the program's name; None: this process's own.

    Returns:
        Exit status: 0 when done, 1 after an error (printed on stderr), 130 after an interrupt.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    split = arguments.index(ROS_ARGUMENTS) if ROS_ARGUMENTS in arguments else len(arguments)
    options = parser().parse_args(arguments[:split])
    options.ros_arguments = arguments[split:]
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        print(
            f"error: {error}; ROS 2 and this package must be on the paths: source scripts/env.sh",
            file=sys.stderr,
        )
        return 1
    except (ValueError, RuntimeError, OSError) as error:  # every error of ours is one of these
        print(f"error: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
