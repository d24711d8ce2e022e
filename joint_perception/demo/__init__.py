# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a simulated camera, the node, a scorer and a recorder, four processes over real DDS."""
