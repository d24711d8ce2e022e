# SPDX-License-Identifier: Apache-2.0
"""The network as a file that other runtimes read."""
