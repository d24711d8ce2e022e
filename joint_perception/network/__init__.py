# SPDX-License-Identifier: Apache-2.0
"""The paper's network in plain torch, and its checkpoints: named, verified, loaded strictly."""

from joint_perception.network.checkpoint import CheckpointError, load_network, load_state_dict
from joint_perception.network.model import JointNetwork, Outputs
from joint_perception.network.weights import NAMED_WEIGHTS, NamedWeights, WeightsError, resolve_weights

__all__ = [
    "NAMED_WEIGHTS",
    "CheckpointError",
    "JointNetwork",
    "NamedWeights",
    "Outputs",
    "WeightsError",
    "load_network",
    "load_state_dict",
    "resolve_weights",
]
