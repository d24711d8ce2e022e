# SPDX-License-Identifier: Apache-2.0
"""Quality of service of every endpoint; each can be overridden by parameters `qos_overrides.<topic>...`."""

from __future__ import annotations

import copy
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

# Cameras: best effort matches both kinds of publisher. The depth only has to bridge the moment between
# two calls of the executor, which does no more than store what came.
SENSOR = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST,
    depth=5,
)

# Outputs: reliable matches both kinds of subscriber (RViz2 asks for reliable, Nav2 for best effort).
OUTPUT = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST,
    depth=5,
)

# What a late subscriber must still get.
LATCHED = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
)


def own(profile: QoSProfile) -> QoSProfile:
    """A profile for one endpoint alone: rclpy writes the overrides of its topic into what it is given."""
    return copy.copy(profile)


def policy_name(kind: Any) -> str:
    """The name, such as RELIABILITY, of the policy that an incompatible-QoS event tells of."""
    name: str = QoSPolicyKind(int(kind)).name
    return name


def overridable() -> QoSOverridingOptions:
    """Lets `qos_overrides.<topic>.{publisher,subscription}.{reliability,durability,history,depth}` apply."""
    return QoSOverridingOptions(
        (QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY, QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)
    )
