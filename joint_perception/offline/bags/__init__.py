# SPDX-License-Identifier: Apache-2.0
"""Recordings through the network: a plan of chunks, each done on its own, joined to one bag in the end."""
