# SPDX-License-Identifier: Apache-2.0
"""`joint_perception benchmark`: what a frame costs, from the camera's stamp to the received cloud."""
