# SPDX-License-Identifier: Apache-2.0
"""`pip install .`: the network, the engine and the offline tools, without ROS.

Inside a ROS 2 workspace CMakeLists.txt builds the package: it has messages of its own.
"""

from pathlib import Path

from setuptools import setup


def requirements(name: str) -> list[str]:
    lines = Path(__file__).with_name("requirements").joinpath(f"{name}.txt").read_text().splitlines()
    others = [line.removeprefix("-r ").removesuffix(".txt") for line in lines if line.startswith("-r ")]
    own = [line for line in lines if line and not line.startswith(("#", "-r"))]
    return own + [line for other in others for line in requirements(other)]


def files(folder: str, pattern: str) -> tuple[str, list[str]]:
    found = Path(__file__).parent.joinpath(folder).glob(pattern)
    return f"share/joint_perception/{folder}", sorted(f"{folder}/{file.name}" for file in found)


setup(
    data_files=[files("msg", "*.msg"), files("config", "*.yaml"), files("config/groupings", "*.yaml")],
    install_requires=requirements("base") + requirements("opencv"),
    extras_require={
        name: requirements(name)
        for name in ("bags", "cluster", "demo", "export", "fast", "learn", "plot", "test", "view")
    },
)
