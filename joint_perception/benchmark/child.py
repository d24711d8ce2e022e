# SPDX-License-Identifier: Apache-2.0
"""A process that is measured, or measures: started, spoken with, watched, ended."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GRACE_S = 10.0
_LAST_WORDS = 2000
_CPUCLOCK_SCHED = 2  # Linux' posix-timers.h: the clock of all threads of a process, in nanoseconds


class Child:
    """A process of the benchmark.

    Args:
        name: For complaints.
        command: The command line, with the path of its program.
        environment: Its whole environment.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._name = name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in end())
        # Elsewhere than here: -m puts the working directory first on the path, and a source tree, which has no
        # messages, must not hide the installed package. A session of its own: Ctrl-C is ours to pass on.
        self._process = subprocess.Popen(  # noqa: S603 (our own modules)
            [sys.executable, "-m", "joint_perception.benchmark.leash", *command],
            env=environment,
            cwd=tempfile.gettempdir(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def words(self) -> str:
        """The end of what it said to people."""
        self._log.flush()
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - _LAST_WORDS))
        return self._log.read().decode(errors="replace")

    def send(self, command: dict[str, Any]) -> None:
        """Tell it something."""
        self.check()
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """The next thing it says; None when it says nothing for so long.

        Raises:
            BenchmarkError: It ended.
        """
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(queue.Empty):
                return self.heard.get(timeout=max(0.0, min(0.5, end - time.monotonic())))
            self.check()
            if time.monotonic() >= end:
                return None

    def check(self) -> None:
        """Complain if it ended.

        Raises:
            BenchmarkError: It did.
        """
        status = self._process.poll()
        if status is not None:
            raise BenchmarkError(f"the {self._name} ended with status {status}:\n{self.words}")

    def cpu_ms(self) -> float:
        """CPU time of all its threads so far."""
        return time.clock_gettime((~self._process.pid << 3) | _CPUCLOCK_SCHED) * 1e3

    def memory_mb(self) -> float:
        """Greatest resident memory so far, in megabytes (VmHWM of proc(5))."""
        status = Path("/proc", str(self._process.pid), "status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1e3

    def end(self) -> None:
        """End it as Ctrl-C does; by force if that does not help."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with contextlib.suppress(ValueError):  # a library's chatter on standard output
                self.heard.put(json.loads(line))
