# SPDX-License-Identifier: Apache-2.0
"""A process of its own that trains: `run_verb.py train CONFIG --out DIR ...`, with the single thread of a test."""

from __future__ import annotations

import argparse
import sys

import torch

from joint_perception.offline import distill_command, train_command

if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers()
    train_command.add_parser(verbs)
    distill_command.add_parser(verbs)
    options = parser.parse_args()
    sys.exit(options.run(options))
