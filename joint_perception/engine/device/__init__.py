# SPDX-License-Identifier: Apache-2.0
"""A frame's way on a GPU: up once, everything computed there, results down once."""
