# SPDX-License-Identifier: Apache-2.0
"""Our launch files, read without running them."""

from __future__ import annotations

import ast
from pathlib import Path

from joint_perception.demo.options import KINDS
from joint_perception.ros import composition

LAUNCH = {file.name: file for file in (Path(__file__).parents[2] / "launch").glob("*.launch.py")}


def arguments_of(launch_file):
    """Name to (default, description) of a launch file's arguments."""
    tree = ast.parse(LAUNCH[launch_file].read_text())
    (value,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "ARGUMENTS")
    found = eval(compile(ast.Expression(value), launch_file, "eval"), {"composition": composition, "KINDS": KINDS})
    return {name: (default, text) for name, default, text in found}
