# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: wiring between topics and the core. Nothing outside this room imports ROS."""
