# SPDX-License-Identifier: Apache-2.0
"""A checkpoint and an image made by a formula: the same bits on every machine."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from joint_perception.network import JointNetwork

if TYPE_CHECKING:
    from pathlib import Path

# Largest absolute weight, as a multiple of sqrt(3 / fan_in), which keeps the variance of what goes through;
# the first prefix that fits counts. Tuned so that ReLU6 clips on both sides throughout, depth lies in 0..10 m
# and an image gets many labels.
GAINS = (
    ("layer1.", 2.0),
    ("layer", 1.5),
    ("crp1.", 0.8),
    ("crp", 0.4),
    ("conv_adapt", 0.7),
    ("conv", 1.2),
    ("pre_", 1.5),
    ("segm", 2.0),
    ("depth", 1.0),
    ("normal", 0.5),
)


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values in -1..1 from the name and each element's place: splitmix64, exact in any IEEE arithmetic."""
    z = np.arange(math.prod(shape), dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()) << 32)
    z = z * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1.0).reshape(shape)  # 24 bits: a float32 holds them


def formula_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor of that name and shape, float32."""
    noise = uniform(name, shape)
    if name.endswith("running_var") or (name.startswith("layer") and len(shape) == 1 and name.endswith("weight")):
        values = 1.0 + 0.4 * noise
    elif name == "depth.bias":
        values = 4.0 + noise
    elif len(shape) == 1:  # biases and running means
        values = 0.1 * noise
    else:
        if name == "segm.weight":  # else one class would win nearly everywhere, being the one of the greatest sum
            noise -= noise.mean(axis=(1, 2, 3), keepdims=True)
        gain = next(gain for prefix, gain in GAINS if name.startswith(prefix))
        values = gain * math.sqrt(3.0 / math.prod(shape[1:])) * noise
    return torch.from_numpy(values.astype(np.float32))


def formula_state_dict(num_classes: int, num_tasks: int) -> dict[str, torch.Tensor]:
    """Tensors of the joint network by name, without `num_batches_tracked`."""
    with torch.device("meta"):
        shapes = {n: tuple(tensor.shape) for n, tensor in JointNetwork(num_classes, num_tasks).state_dict().items()}
    return {n: formula_tensor(n, s) for n, s in shapes.items() if not n.endswith("num_batches_tracked")}


def formula_image(height: int, width: int) -> np.ndarray:
    """A picture: a slope in each channel, blocks of 16 pixels and noise; (height, width, 3) uint8 RGB."""
    y, x = np.mgrid[:height, :width]
    slopes = np.stack([x * 127 // width, y * 127 // height, 127 - x * 127 // width], axis=2)
    shape = (-(-height // 16), -(-width // 16), 3)
    blocks = (uniform("blocks", shape) * 48 + 48).astype(np.int64)[y // 16, x // 16]
    noise = (uniform("noise", (height, width, 3)) * 16 + 16).astype(np.int64)
    return (slopes + blocks + noise).astype(np.uint8)


def formula_input(height: int, width: int) -> torch.Tensor:
    """That picture as the network takes it: (1, 3, height, width) float32, normalised."""
    pixels = formula_image(height, width).astype(np.float64) / 255.0
    pixels = (pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1)[None].copy())


def write_formula_checkpoint(path: Path, num_classes: int, num_tasks: int) -> None:
    """Write them as the authors do: a dict with a `state_dict`, by torch.save."""
    torch.save({"state_dict": formula_state_dict(num_classes, num_tasks)}, path)
