# SPDX-License-Identifier: Apache-2.0
"""What becomes of a message on its way to the outputs, without ROS: the node and the bag tools share it.

Messages are known by their fields alone, so that those of rclpy and of rosbags are the same here.
"""
