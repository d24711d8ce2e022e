# SPDX-License-Identifier: Apache-2.0
"""The end of a process that rclpy's signal handlers end."""

from __future__ import annotations

import rclpy
from rclpy.signals import uninstall_signal_handlers


def shut_down() -> None:
    """Shut the default context down, once rclpy's signal thread has ended.

    After SIGINT or SIGTERM that thread wakes every executor, by a list that it reads without a lock. An executor that
    ends meanwhile is freed under its hands, and the process dies of SIGSEGV at the very end (here: 1 of 40 on a busy
    machine). `rclpy.shutdown()` waits for the thread too late, `rclpy.try_shutdown()` not at all.

    Call it while the executor is still referenced.
    """
    uninstall_signal_handlers()
    rclpy.try_shutdown()
