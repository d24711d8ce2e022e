# SPDX-License-Identifier: Apache-2.0
"""The configuration of a training as it is written down: to be compared on resuming, and told with the weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.strict_yaml import ConfigError

if TYPE_CHECKING:
    from joint_perception.learning.training_config import TrainingConfig

# What may change when a training is resumed: it has no effect on the weights.
_FREE = ("workers", "validation", "save_minutes", "log_every", "tensorboard")


def require_same(config: TrainingConfig, saved: str) -> None:
    """Check that a training goes on as it began.

    Args:
        config: With which it shall go on.
        saved: `to_json()` of that which it began with.

    Raises:
        ConfigError: They differ in what has an effect on the weights.
    """
    before, now = _flat(json.loads(saved)), _flat(json.loads(config.to_json()))
    differing = [
        f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and key.split(".")[0] not in _FREE
    ]
    if differing:
        raise ConfigError(
            f"the training to resume began with another configuration: {'; '.join(differing)}; change it back, or "
            "start a new one in another --out"
        )


def public(config: TrainingConfig) -> dict[str, Any]:
    """The configuration as JSON types without the folders of this machine: what may go out into the world."""
    values: dict[str, Any] = json.loads(config.to_json())
    for entry in (*values["data"], *values["validation"]["sets"]):
        for key in ("root", "cache"):
            entry.pop(key, None)
        if "pseudo" in entry:
            entry["pseudo"] = sorted(entry["pseudo"])
    values["network"]["init"] = Path(config.network.init).name
    return values


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = [(str(key), v) for key, v in value.items()]
    elif isinstance(value, list):
        items = [(str(i), v) for i, v in enumerate(value)]
    else:
        return {prefix[:-1]: value}
    return {k: v for key, child in items for k, v in _flat(child, f"{prefix}{key}.").items()}
