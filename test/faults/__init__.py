# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on a robot, injected; a package, for its fixtures to live as long as its tests."""
