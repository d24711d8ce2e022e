# SPDX-License-Identifier: Apache-2.0
"""Training the joint network from uneven annotations, and measuring it honestly."""
