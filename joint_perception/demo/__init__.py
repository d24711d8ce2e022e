# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a simulated camera, the node and a recorder, three processes over real DDS."""
