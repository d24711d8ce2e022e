# SPDX-License-Identifier: Apache-2.0
"""The rooms of the design: who may import whom, read off the source; and that each opens without the others."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import joint_perception

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "joint_perception"
MAX_LINES = 400

ROS = {
    *("rclpy", "rcl_interfaces", "sensor_msgs", "std_msgs", "geometry_msgs", "builtin_interfaces", "lifecycle_msgs"),
    *("diagnostic_msgs", "diagnostic_updater", "vision_msgs", "nav_msgs", "tf2_ros", "ament_index_python"),
    *("cv_bridge", "message_filters", "image_transport", "rosidl_runtime_py", "launch", "launch_ros", "rosbag2_py"),
    "joint_perception.msg",
}
ANYTHING = None


@dataclass(frozen=True)
class Rule:
    """What a room may import: rooms of ours, and packages besides Python's own (None: any but ROS)."""

    rooms: frozenset[str]
    packages: frozenset[str] | None
    ros: bool = False
    ros_types: bool = False
    only_inside_functions: frozenset[str] = frozenset()
    only_for_types: frozenset[str] = frozenset()


def rule(rooms, packages, **others):
    split = {name: frozenset(words.split()) if isinstance(words, str) else words for name, words in others.items()}
    return Rule(frozenset(rooms.split()), packages and frozenset(packages.split()), **split)


RULES = {
    "network": rule("", "torch numpy safetensors tqdm"),
    "domains": rule("", "numpy"),
    "kernels": rule("", "numpy numba"),
    "engine": rule(
        "network domains kernels strict_yaml",
        "torch numpy openvino onnxruntime torch_tensorrt",
        only_for_types="geometry",
    ),
    "geometry": rule("domains kernels", "numpy cv2", only_for_types="engine"),
    # Knows the fields of messages, for the type checker's sake their names too, and needs none of ROS.
    "pipeline": rule("plain_yaml engine geometry network domains", "numpy cv2 yaml", ros_types=True),
    "ros": rule("plain_yaml pipeline engine geometry network domains", ANYTHING, ros=True),
    # Measuring needs a data set, and so its room; what a robot runs must not load that.
    "offline": rule("plain_yaml pipeline engine geometry network domains", ANYTHING, only_inside_functions="learning"),
    "learning": rule("plain_yaml strict_yaml engine geometry network domains", ANYTHING),
    "demo": rule("ros pipeline offline learning engine geometry network domains", ANYTHING, ros=True),
    # Rendered pictures and scores are those of learning; a robot may be without.
    "benchmark": rule(
        "ros pipeline offline engine geometry network domains", ANYTHING, ros=True, only_inside_functions="learning"
    ),
    "cli": rule("ros offline demo benchmark learning", ""),
    "plain_yaml": rule("", "yaml"),
    "strict_yaml": rule("plain_yaml", "yaml"),
    "__init__": rule("", ""),
}


@dataclass(frozen=True)
class Import:
    """An import statement: `where` is `module`, `function` or `types`."""

    line: int
    name: str
    where: str


def imports_of(source, module):
    """Every import in a source text, nested ones and importlib's included, with relative names made absolute."""
    found = []

    def visit(node, where):
        if isinstance(node, ast.Import):
            found.extend(Import(node.lineno, alias.name, where) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])])
            # `from package import room` imports the room: keep both.
            found.extend(Import(node.lineno, f"{base}.{alias.name}", where) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                found.append(Import(node.lineno, node.args[0].value, where))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, "types")
            for child in node.orelse:
                visit(child, where)
            return
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, "function" if inside and where == "module" else where)

    visit(ast.parse(source), "module")
    return found


def fault(found, room, its_rule):
    """What is wrong with an import in a room; empty where nothing is."""
    top, _, rest = found.name.partition(".")
    if top in ROS or any(found.name == name or found.name.startswith(f"{name}.") for name in ROS):
        allowed = its_rule.ros or (found.where == "types" and its_rule.ros_types)
        return "" if allowed else "is ROS"
    if top == "joint_perception":
        return fault_of_room(rest.split(".")[0], found.where, room, its_rule)
    if top in sys.stdlib_module_names or its_rule.packages is ANYTHING or top in its_rule.packages:
        return ""
    return f"is none of {', '.join(sorted(its_rule.packages)) or 'what Python brings'}"


def fault_of_room(other, where, room, its_rule):
    if not other or other in (room, "__version__") or other in its_rule.rooms:
        return ""
    if other in its_rule.only_inside_functions:
        return "belongs inside the function that needs it" if where == "module" else ""
    if other in its_rule.only_for_types:
        return "" if where == "types" else "may be imported under TYPE_CHECKING only"
    return f"is not below {room}"


def room_of(path):
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def module_of(path):
    """Dotted name of the package that relative imports of this file start from, and one part more."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def sources(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_every_room_has_its_rule():
    rooms = {room_of(path) for path in sources("joint_perception")}

    assert rooms <= set(RULES)
    assert {"network", "domains", "engine", "geometry", "pipeline", "ros", "offline", "cli"} <= rooms


def test_imports_go_downwards_only():
    faults = [
        f"{path.relative_to(ROOT)}:{found.line}: {found.name} {why}"
        for path in sources("joint_perception")
        for found in imports_of(path.read_text(), module_of(path))
        if (why := fault(found, room_of(path), RULES[room_of(path)]))
    ]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("room", "source", "faulty"),
    [
        ("network", "import torch\nfrom safetensors import safe_open\nimport os.path", []),
        ("network", "import cv2", ["cv2"]),
        ("network", "from joint_perception.domains import NYUD", ["joint_perception.domains.NYUD"]),
        ("domains", "import numpy.typing as npt\nimport torch", ["torch"]),
        ("domains", "def f():\n  import torch.nn", ["torch.nn"]),
        ("engine", "from joint_perception import geometry", ["joint_perception.geometry"]),
        ("engine", "def f():\n  from joint_perception.geometry import Cloud", ["joint_perception.geometry.Cloud"]),
        ("engine", "if TYPE_CHECKING:\n  from joint_perception.geometry import Pinhole", []),
        ("engine", "if TYPE_CHECKING:\n  pass\nelse:\n  from joint_perception import ros", ["joint_perception.ros"]),
        ("engine", "from ..geometry import Cloud", ["joint_perception.geometry.Cloud"]),
        ("engine", "from .frame import Frame\nfrom . import frame\nfrom .. import domains", []),
        ("geometry", "from joint_perception.network import Outputs", ["joint_perception.network.Outputs"]),
        ("geometry", "import sensor_msgs.msg", ["sensor_msgs.msg"]),
        ("pipeline", "if TYPE_CHECKING:\n  from sensor_msgs.msg import Image", []),
        ("pipeline", "def f():\n  from sensor_msgs.msg import Image", ["sensor_msgs.msg.Image"]),
        ("pipeline", "from joint_perception.ros.errors import FrameError", ["joint_perception.ros.errors.FrameError"]),
        ("ros", "import rclpy\nfrom joint_perception.msg import ClassMap", []),
        ("ros", "class A:\n  def f(self):\n    from joint_perception import learning", ["joint_perception.learning"]),
        ("ros", "from joint_perception.offline.files import read_image", ["joint_perception.offline.files.read_image"]),
        ("ros", "if TYPE_CHECKING:\n  import joint_perception.offline", ["joint_perception.offline"]),
        ("offline", "from joint_perception.learning import metrics", ["joint_perception.learning.metrics"]),
        ("offline", "def f():\n  from joint_perception.learning import metrics", []),
        ("offline", "try:\n  from rclpy.node import Node\nexcept ImportError:\n  pass", ["rclpy.node.Node"]),
        ("offline", "from joint_perception.msg import ClassMap", ["joint_perception.msg.ClassMap"]),
        ("learning", "import scipy\nimport importlib\nx = importlib.import_module('rclpy')", ["rclpy"]),
        (
            "learning",
            "from joint_perception.pipeline.images import decode",
            ["joint_perception.pipeline.images.decode"],
        ),
        ("cli", "import yaml", ["yaml"]),
    ],
)
def test_the_rules_catch_what_breaks_them(room, source, faulty):
    found = imports_of(source, f"joint_perception.{room}.some_module")

    assert [i.name for i in found if fault(i, room, RULES[room])] == faulty


def code_files():
    scripts = [p for p in (ROOT / "scripts").iterdir() if p.is_file() and p.read_bytes().startswith(b"#!")]
    return sorted(
        {*sources("joint_perception", "benchmarks", "test", "launch", "scripts"), ROOT / "setup.py", *scripts}
    )


def test_every_source_file_names_its_licence_at_its_top():
    nameless = [
        str(path.relative_to(ROOT))
        for path in code_files()
        if "# SPDX-License-Identifier: Apache-2.0" not in path.read_text().splitlines()[:2]
    ]

    assert len(code_files()) > 50
    assert nameless == []


def test_no_source_file_needs_a_tour_guide():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in code_files()}

    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_what_coverage_leaves_out_says_why():
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sources("joint_perception")
        for line in path.read_text().splitlines()
        if "pragma" in line
    ]

    assert lines
    assert [line for line in lines if not re.search(r"# pragma: no cover \(.+\)$", line)] == []


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("joint_perception.network", "cv2 joint_perception.domains joint_perception.engine joint_perception.geometry"),
        ("joint_perception.domains joint_perception.geometry", "torch cv2 joint_perception.engine"),
        ("joint_perception.engine", "cv2 joint_perception.ros joint_perception.offline"),
        ("joint_perception.pipeline.images joint_perception.pipeline.clouds", "joint_perception.ros"),
        ("joint_perception.cli", "torch cv2 joint_perception.learning"),
    ],
)
def test_rooms_open_where_there_is_no_ros_nor_what_they_do_not_need(modules, absent):
    blocked = {*ROS, *absent.split()}
    code = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name in {blocked!r}:
            raise ModuleNotFoundError(f"no {{name}} here", name=name)

sys.meta_path.insert(0, Blocker())
import {", ".join(modules.split())}
"""
    # The package that the other tests see, which may be the installed one.
    path = os.pathsep.join([str(Path(joint_perception.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])

    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
