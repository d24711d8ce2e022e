# SPDX-License-Identifier: Apache-2.0
"""The demonstration's other processes: started together, ended together."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from joint_perception.demo.shot import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_GRACE_S = 10.0  # to end after an interrupt


class Children:
    """Processes by name, each a module of ours run by this interpreter.

    Args:
        folder: Where they run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, module: str, arguments: Sequence[str]) -> None:
        """Start one."""
        # From the output folder: -m puts the working directory first on the path, and the source tree, which
        # has no messages, must not hide the installed package.
        command = [sys.executable, "-m", "joint_perception.demo.child", module, *arguments]
        self._processes[name] = subprocess.Popen(command, cwd=self._folder)  # noqa: S603 (our own modules)

    def ended(self, name: str) -> bool:
        """Whether it ended well.

        Raises:
            DemoError: It ended otherwise.
        """
        status = self._processes[name].poll()
        if status:
            raise DemoError(f"the {name} ended with status {status}; its own words are above")
        return status is not None

    def check_running(self, name: str) -> None:
        """Complain about one that must not end by itself.

        Raises:
            DemoError: It ended.
        """
        status = self._processes[name].poll()
        if status is not None:
            raise DemoError(f"the {name} ended with status {status}; its own words are above")

    def end(self, name: str) -> None:
        """End one as Ctrl-C does; by force if that does not help."""
        process = self._processes[name]
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end_all(self) -> None:
        """End all that still run, the last one started first."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for name in reversed(self._processes):
            self.end(name)


@contextmanager
def terminable() -> Iterator[None]:
    """Within the `with` block, SIGTERM interrupts as Ctrl-C does, so that no process is left behind."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within the `with` block, neither Ctrl-C nor SIGTERM interrupts; it must be short."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
