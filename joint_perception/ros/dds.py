# SPDX-License-Identifier: Apache-2.0
"""The DDS settings that images need, put into the environment unless the user has some."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Fast DDS 2 (up to Jazzy) and Fast DDS 3 (from Kilted on). The latter's ROS layer reads the first one too, with
# a complaint, and both together would load the profile twice, with more.
FAST_DDS_2, FAST_DDS_3 = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
# Which transports Fast DDS has; our profile names its own, and would undo what the user chose here.
FAST_DDS_TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
CYCLONE_DDS = "CYCLONEDDS_URI"
VARIABLES = (FAST_DDS_2, FAST_DDS_3, FAST_DDS_TRANSPORTS, CYCLONE_DDS)

_FAST, _CYCLONE = "rmw_fastrtps", "rmw_cyclonedds_cpp"


def profile_environment(share: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What must be set for the DDS in use to take our profile.

    Args:
        share: The package's share folder.
        environment: The environment of the process that will use it.

    Returns:
        Variables to set; none where the user has a profile already, or another middleware than ours are for.
    """
    middleware, profiles = middleware_of(environment), share / "config" / "dds"
    if middleware == _CYCLONE:
        return {} if environment.get(CYCLONE_DDS) else {CYCLONE_DDS: (profiles / "cyclonedds.xml").absolute().as_uri()}
    if not middleware.startswith(_FAST):
        return {}
    if any(environment.get(variable) for variable in (FAST_DDS_2, FAST_DDS_3, FAST_DDS_TRANSPORTS)):
        return {}
    # Where Fast DDS 3 keeps its CMake files; those of Fast DDS 2 are in share/fastrtps.
    third = any((prefix / "share" / "fastdds").is_dir() for prefix in _prefixes(environment))
    return {FAST_DDS_3 if third else FAST_DDS_2: str(profiles / "fastdds.xml")}


def middleware_of(environment: Mapping[str, str]) -> str:
    """The ROS middleware that a process of that environment loads, such as `rmw_fastrtps_cpp`.

    What RMW_IMPLEMENTATION names; else Fast DDS, the default of every distribution from Humble on, unless Cyclone
    DDS alone is installed.
    """
    if named := environment.get("RMW_IMPLEMENTATION"):
        return named
    folders = [prefix / "share" / "ament_index" / "resource_index" / "rmw_typesupport"
               for prefix in _prefixes(environment)]  # fmt: skip
    installed = {entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()}
    fast = any(name.startswith(_FAST) for name in installed)
    return _CYCLONE if _CYCLONE in installed and not fast else "rmw_fastrtps_cpp"


def use_profile(share: Path) -> None:
    """Name our profile in this process's environment; must come before rclpy.init()."""
    os.environ.update(profile_environment(share, os.environ))


def _prefixes(environment: Mapping[str, str]) -> list[Path]:
    return [Path(prefix) for prefix in environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
