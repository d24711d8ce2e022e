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


def profile_environment(share: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What must be set for Fast DDS to use our profile.

    Args:
        share: The package's share folder.
        environment: The environment of the process that will use it.

    Returns:
        Variables to set; none where the user has a profile already.
    """
    if environment.get(FAST_DDS_2) or environment.get(FAST_DDS_3):
        return {}
    # Where Fast DDS 3 keeps its CMake files; those of Fast DDS 2 are in share/fastrtps.
    prefixes = environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    third = any(prefix and Path(prefix, "share", "fastdds").is_dir() for prefix in prefixes)
    return {FAST_DDS_3 if third else FAST_DDS_2: str(share / "config" / "dds" / "fastdds.xml")}


def use_profile(share: Path) -> None:
    """Name our Fast DDS profile in this process's environment; must come before rclpy.init()."""
    os.environ.update(profile_environment(share, os.environ))
