# SPDX-License-Identifier: Apache-2.0
"""What a process holds at the moment, from /proc: memory, descriptors, threads; and its GPU memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_MIB = 1 << 20


def sample(pid: int) -> dict[str, float]:
    """What a process holds.

    Returns:
        `rss_mb`: resident memory in MiB; `anonymous_mb`: of these, its own, without files and shared memory; `fds`,
        `threads`: open descriptors, threads; `cpu_s`: seconds of CPU it used; `gpu_mb` where nvidia-smi knows it.

    Raises:
        OSError: There is no such process.
    """
    proc = Path("/proc", str(pid))
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
    times = (proc / "stat").read_text().rpartition(")")[2].split()
    found = {
        "rss_mb": int(status["VmRSS"].split()[0]) / 1024,
        "anonymous_mb": int(status["RssAnon"].split()[0]) / 1024,
        "fds": float(len(os.listdir(proc / "fd"))),  # noqa: PTH208 (a count, not paths)
        "threads": float(status["Threads"]),
        "cpu_s": (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"),
    }
    gpu = _gpu_mb(pid)
    return found if gpu is None else found | {"gpu_mb": gpu}


def _gpu_mb(pid: int) -> float | None:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    command = [tool, "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    rows = [line.split(",") for line in done.stdout.splitlines() if line.count(",") == 1]
    return sum(float(used) for owner, used in rows if owner.strip() == str(pid))
