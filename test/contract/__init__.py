# SPDX-License-Identifier: Apache-2.0
"""What consumers require; a package, whose end is the end of the nodes that its tests share."""
