# SPDX-License-Identifier: Apache-2.0
"""Loops over pixels, compiled by Numba where it is installed; whoever calls them has a plain path besides."""

from joint_perception.kernels.compiler import available

__all__ = ["available"]
