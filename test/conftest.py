# SPDX-License-Identifier: Apache-2.0
"""What several rooms' tests share."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from formula_checkpoint import write_formula_checkpoint
from own_domain import NAMES, TESTS, use_domain_of

# Rooms whose dependencies are not installed: a robot need not train, and files need no ROS.
ROS = ("rclpy", "ament_index_python")
NEEDS = {
    ROS: ("ros", "contract", "demo", "launch", "faults"),
    ("torchvision", "sklearn", "h5py"): ("learning",),
    ("rosbags",): ("offline/bags",),
}
if all(map(find_spec, ROS)):
    from ament_index_python.packages import get_package_share_path

    from joint_perception.ros.dds import use_profile

collect_ignore = [room for packages, rooms in NEEDS.items() if not all(map(find_spec, packages)) for room in rooms]


def pytest_addoption(parser):
    parser.addoption("--faults-long", action="store_true", help="test/faults in full: 100,000 fuzz cases and more")


def pytest_runtest_setup(item):
    room = item.path.relative_to(TESTS).parts[0]
    if room in NAMES:
        use_domain_of(room)
    if room in NEEDS[ROS]:
        use_profile(get_package_share_path("joint_perception"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What the processes of a failed test said is part of its report, after a timeout too."""
    report = yield
    if report.failed and "tmp_path" in getattr(item, "funcargs", {}):
        for log in sorted(item.funcargs["tmp_path"].rglob("*.log")):
            report.sections.append((f"{log.name} ({report.when})", log.read_text(errors="replace")[-4000:]))
    return report


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell leaves it for what it starts in the background; the processes of tests that are interrupted would
        # inherit it, and never end.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--faults-long"):
        os.environ["JP_FAULTS_LONG"] = "1"  # hypothesis takes its numbers when the modules are imported


EXAMPLES = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Checkpoint files by (classes, tasks), of weights made by a formula."""
    folder, made = tmp_path_factory.mktemp("checkpoints"), {}

    def path(num_classes: int, num_tasks: int = 2) -> Path:
        key = (num_classes, num_tasks)
        if key not in made:
            made[key] = folder / f"formula_{num_classes}_{num_tasks}.ckpt"
            write_formula_checkpoint(made[key], num_classes, num_tasks)
        return made[key]

    return path


@pytest.fixture
def example():
    """The path of one of the authors' example images; the test is skipped where they are not at hand."""

    def path(name: str) -> Path:
        file = EXAMPLES / name
        if not file.is_file():
            pytest.skip(f"the example image {name} is not here")
        return file

    return path
