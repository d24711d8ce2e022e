# SPDX-License-Identifier: Apache-2.0
"""Runs a command that ends with the process that started it, whatever ended that one."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # Linux' prctl(2); it outlives exec


def main() -> None:
    """Become the command of the command line."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 (our own command line)


if __name__ == "__main__":
    main()
