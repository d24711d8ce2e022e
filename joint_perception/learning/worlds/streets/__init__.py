# SPDX-License-Identifier: Apache-2.0
"""Streets as seen from a car, with the KITTI-6 labels."""

from joint_perception.learning.worlds.streets.street import Street, build_street

__all__ = ["Street", "build_street"]
