# SPDX-License-Identifier: Apache-2.0
"""The DDS settings that images need, put into the environment unless the user has some."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

# Fast DDS 2 (up to Jazzy) reads the first, Fast DDS 3 (from Kilted on) the second.
FAST_DDS_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


def use_profile(share: Path, environment: MutableMapping[str, str] | None = None) -> bool:
    """Name our Fast DDS profile in the environment; must come before rclpy.init().

    Args:
        share: The package's share folder.
        environment: Where to set it; None: this process's own environment.

    Returns:
        False, and nothing is changed, where the user has a profile already.
    """
    environment = os.environ if environment is None else environment
    if any(environment.get(variable) for variable in FAST_DDS_VARIABLES):
        return False
    for variable in FAST_DDS_VARIABLES:
        environment[variable] = str(share / "config" / "dds" / "fastdds.xml")
    return True
