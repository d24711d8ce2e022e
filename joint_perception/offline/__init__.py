# SPDX-License-Identifier: Apache-2.0
"""Images and files through the same engine, without a ROS graph."""
