# SPDX-License-Identifier: Apache-2.0
"""Labels, metric depth and coloured point clouds from a camera, in one pass of one network.

The rooms: `network`, `domains`, `geometry` and `engine` know nothing of ROS; `ros` and `offline` wire
them to topics and files.
"""

__version__ = "0.1.0"
