# SPDX-License-Identifier: Apache-2.0
"""Temperatures of the softmax in the metadata of weights: what a confidence is worth, found on validation images.

A network trained by cross-entropy is surer than it is right. Dividing its logits by one number, fitted on images it
has not seen, mends most of that and changes no label (Guo et al., ICML 2017, arXiv 1706.04599). The number belongs to
the weights and to the channels that the softmax goes over, hence one for each domain.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from joint_perception.network.checkpoint import CheckpointError, load_state_dict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY = "temperature"  # in the metadata; JSON: domain to number
LEAST, GREATEST = 0.05, 20.0
_SUFFIX = ".safetensors"


def read_temperatures(path: Path) -> dict[str, float]:
    """The temperatures that a checkpoint was calibrated to, by domain.

    Args:
        path: A checkpoint file; only safetensors have metadata.

    Returns:
        Empty where it was not calibrated.

    Raises:
        CheckpointError: The file cannot be read, or its temperatures are none.
    """
    text = _metadata(path).get(KEY)
    if text is None:
        return {}
    fault = CheckpointError(
        f"checkpoint {str(path)!r} has the metadata {KEY!r} of {text[:80]!r}; it must be JSON of a number from {LEAST} "
        f"to {GREATEST} for each domain. Write it anew with joint_perception calibrate-confidence"
    )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise fault from error
    if not isinstance(content, dict) or not all(map(is_temperature, content.values())):
        raise fault
    return {domain: float(value) for domain, value in content.items()}


def write_temperatures(source: Path, target: Path, temperatures: Mapping[str, float]) -> None:
    """Write a checkpoint with temperatures; tensors and other metadata stay as they are.

    Args:
        source: See `load_state_dict`.
        target: The safetensors file; may be the source. It appears whole or not at all.
        temperatures: By domain.

    Raises:
        CheckpointError: The source cannot be read, the target's name ends otherwise, or a temperature is none.
        OSError: The target cannot be written.
    """
    if target.suffix != _SUFFIX:
        raise CheckpointError(f"{str(target)!r} does not end in {_SUFFIX}; only such a file has room for temperatures")
    if wrong := {domain: value for domain, value in temperatures.items() if not is_temperature(value)}:
        raise CheckpointError(f"temperatures are {wrong}; each must be from {LEAST} to {GREATEST}")
    state = {name: tensor.contiguous() for name, tensor in load_state_dict(source).items()}
    metadata = {"format": "pt"} | _metadata(source) | {KEY: json.dumps(dict(sorted(temperatures.items())))}
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.stem}.{os.getpid()}{_SUFFIX}")
    try:
        draft.write_bytes(save(state, metadata))
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def is_temperature(value: object) -> bool:
    """Whether it can be divided by."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and LEAST <= value <= GREATEST
    )


def _metadata(path: Path) -> dict[str, str]:
    if path.suffix != _SUFFIX:
        return {}
    try:
        with safe_open(str(path), framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"checkpoint {str(path)!r} is not a readable safetensors file: {error}") from error
