# SPDX-License-Identifier: Apache-2.0
"""Quality of service of every endpoint; each can be overridden by parameters `qos_overrides.<topic>...`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

if TYPE_CHECKING:
    from rclpy.node import Node

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


def misfits(node: Node, topic: str) -> bool:
    """Whether another endpoint on a topic fits none of the node's own."""

    def is_ours(endpoint: Any) -> bool:
        return (endpoint.node_name, endpoint.node_namespace) == (node.get_name(), node.get_namespace())

    def fits(publisher: Any, subscription: Any) -> bool:
        found, _ = qos_check_compatible(publisher.qos_profile, subscription.qos_profile)
        return bool(found != QoSCompatibility.ERROR)

    publishers = node.get_publishers_info_by_topic(topic)
    subscriptions = node.get_subscriptions_info_by_topic(topic)
    heard = [s for s in subscriptions if is_ours(s)]
    said = [p for p in publishers if is_ours(p)]
    return any(heard and not any(fits(p, s) for s in heard) for p in publishers) or any(
        said and not any(fits(p, s) for p in said) for s in subscriptions
    )
