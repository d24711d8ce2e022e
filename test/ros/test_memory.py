# SPDX-License-Identifier: Apache-2.0
"""Memory is used again: a frame's arrays cause no page faults once there were some like them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from joint_perception.ros.memory import keep_memory
kept = keep_memory()
def frame():
    cloud = np.empty((350, 1200, 6), np.float32)
    cloud.fill(1)
    return bytearray(cloud.data.cast("B"))
for _ in range(3):
    frame()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    frame()
print(int(kept), (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


def faults(**environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    kept, count = done.stdout.split()
    return kept == "1", int(count)


def test_no_page_faults_but_where_the_user_set_malloc_himself():
    kept, count = faults()
    if not kept:
        pytest.skip("not glibc's malloc")
    assert count < 100  # of 4922 pages

    assert not faults(MALLOC_TRIM_THRESHOLD_="131072")[0]
