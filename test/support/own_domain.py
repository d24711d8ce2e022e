# SPDX-License-Identifier: Apache-2.0
"""ROS domains of our own: no test hears the nodes of another room, of another worker or of another run."""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

TESTS = Path(__file__).parents[1]
SAFE = 101  # domains 1..101 use no ephemeral port of Linux
# Test files that need a domain besides their room's.
APART = ("killed nodes",)
NAMES = (*sorted(path.name for path in TESTS.iterdir() if path.is_dir()), *APART)


def domain_of(name: str) -> int:
    """The domain of a room (a folder of test/) or of one of `APART` in this worker of this run."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return 1 + (crc32(run.encode()) + worker * len(NAMES) + NAMES.index(name)) % SAFE


def use_domain_of(name: str) -> None:
    """Let this process and those that it starts hear that domain only, on this computer only."""
    os.environ["ROS_DOMAIN_ID"] = str(domain_of(name))
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
