# SPDX-License-Identifier: Apache-2.0
"""What makes a frame unusable, and a configuration: the pipeline's errors, by the name the node knows them."""

from joint_perception.pipeline.errors import FrameError, ParameterError

__all__ = ["FrameError", "ParameterError"]
