# SPDX-License-Identifier: Apache-2.0
"""Runs a module's `main` as a process of the demonstration, which an interrupt ends without a word at any time."""

from __future__ import annotations

import signal
import sys
from importlib import import_module


def main(arguments: list[str]) -> int:
    """Run it.

    Args:
        arguments: Name of the module, then the arguments of its `main`.

    Returns:
        What its `main` does; 130 where an interrupt came first, while torch was being loaded, say.
    """
    status = 130
    try:
        status = import_module(arguments[0]).main(arguments[1:])
    except KeyboardInterrupt:
        pass
    finally:
        # In a terminal Ctrl-C reaches us twice: from there, and from the command that ends us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
