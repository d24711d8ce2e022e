# SPDX-License-Identifier: Apache-2.0
"""The end of a process that a signal ends."""

from __future__ import annotations

import subprocess
import sys

INTERRUPTED = """
import os, signal, rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions, get_current_signal_handlers_options
from joint_perception.ros.shutdown import shut_down

rclpy.init()
node = rclpy.create_node("interrupted")
executor = SingleThreadedExecutor()
executor.add_node(node)
node.create_timer(0.0, lambda: os.kill(os.getpid(), signal.SIGINT))
assert get_current_signal_handlers_options() == SignalHandlerOptions.ALL
try:
    executor.spin()
except (KeyboardInterrupt, ExternalShutdownException):
    pass
threads = set(os.listdir("/proc/self/task"))
shut_down()
assert get_current_signal_handlers_options() == SignalHandlerOptions.NO
assert set(os.listdir("/proc/self/task")) < threads, "rclpy's signal thread still reads the list of executors"
assert not rclpy.ok()
print("ended")
"""


def test_the_signal_thread_ends_before_the_executors_it_wakes():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr
