# SPDX-License-Identifier: Apache-2.0
"""Checkpoint files: read without executing anything in them, matched to the network tensor by tensor."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from joint_perception.network.model import JointNetwork

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DATA_PARALLEL = "module."  # what torch's DataParallel puts before every name
SHOWN = 6  # tensors an error lists by name before it only counts them


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or that is not one of this network."""


def load_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint file.

    Args:
        path: A safetensors file, or a torch file that holds a state dict or a dict with a `state_dict`
            (the authors' `.ckpt`, by any torch from 0.4 on). Pickled code in it is never executed.

    Returns:
        Tensors by name, on the CPU, without the `num_batches_tracked` counters and without the `module.`
        that DataParallel puts before every name.

    Raises:
        CheckpointError: The file is missing, damaged, or holds anything but tensors.
    """
    path = Path(path)
    if not os.path.isfile(path):  # noqa: PTH113 (never raises, where Path.is_file does for a name too long)
        raise CheckpointError(f"checkpoint {str(path)!r} is not a file; give the path of an existing one")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    prefix = DATA_PARALLEL if all(name.startswith(DATA_PARALLEL) for name in state) else ""
    return {
        name.removeprefix(prefix): tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")
    }


def load_network(path: str | Path) -> JointNetwork:
    """Build the network that a checkpoint belongs to, and fill it.

    The number of classes and of tasks is read off the tensors.

    Args:
        path: See `load_state_dict`.

    Returns:
        The network on the CPU, in evaluation mode.

    Raises:
        CheckpointError: See `load_state_dict`; or tensors are missing, surplus or of another shape.
    """
    state = load_state_dict(path)
    head = state.get("segm.weight")
    if head is None or head.ndim != 4 or not len(head):  # noqa: PLR2004
        raise CheckpointError(
            f"checkpoint {str(path)!r} has no segmentation head (tensor 'segm.weight' of a row for each class); it "
            f"holds {_listed(state) or 'nothing'}. It is not a checkpoint of the joint network"
        )
    network = JointNetwork(num_classes=head.shape[0], num_tasks=3 if "normal.weight" in state else 2)
    fill_network(network, state, str(path))
    return network.eval()


def fill_network(network: JointNetwork, state: Mapping[str, Tensor], source: str) -> None:
    """Copy tensors into the network, all or none.

    Args:
        network: Where they go.
        state: Tensors by name, as `load_state_dict` gives them.
        source: What an error calls them.

    Raises:
        CheckpointError: Tensors are missing, surplus, of another shape, not of a plain floating-point type
            (integers of a quantised copy, say), or not finite.
    """
    expected = {n: t for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    faults = []
    if missing := [name for name in expected if name not in state]:
        faults.append(f"{len(missing)} missing: {_listed(missing)}")
    if surplus := [name for name in state if name not in expected]:
        faults.append(f"{len(surplus)} surplus: {_listed(surplus)}")
    shared = [name for name in expected if name in state]
    if misshapen := [
        f"{name} is {tuple(state[name].shape)}, not {tuple(expected[name].shape)}"
        for name in shared
        if state[name].shape != expected[name].shape
    ]:
        faults.append(f"{len(misshapen)} of another shape: {_listed(misshapen)}")
    if odd := [f"{name} is {_kind(state[name])}" for name in shared if not _is_plain(state[name])]:
        faults.append(f"{len(odd)} not of plain floating point: {_listed(odd)}")
    # As float32, which is what the network computes in: a float64 may be finite and yet too great for it.
    plain = [name for name in shared if _is_plain(state[name])]
    if infinite := [name for name in plain if not bool(torch.isfinite(state[name].float()).all())]:
        faults.append(f"{len(infinite)} with NaN or infinity: {_listed(infinite)}")
    if faults:
        raise CheckpointError(
            f"checkpoint {source!r} does not fit the network of {network.num_classes} classes and "
            f"{network.num_tasks} tasks; tensors {'; '.join(faults)}"
        )
    network.load_state_dict(dict(state), strict=False)  # strict all the same: compared above, by name


def export_half(source: Path, target: Path) -> None:
    """Write a checkpoint as safetensors in half precision; its metadata goes along.

    Args:
        source: See `load_state_dict`.
        target: The file.

    Raises:
        CheckpointError: See `load_network`; or a number is beyond what float16 holds.
        OSError: The file cannot be written.
    """
    network = load_network(source)
    halves = {
        name: tensor.half().contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    if infinite := [name for name, tensor in halves.items() if not bool(torch.isfinite(tensor).all())]:
        raise CheckpointError(
            f"checkpoint {str(source)!r} holds numbers above {torch.finfo(torch.float16).max}, which half precision "
            f"does not have, in {_listed(infinite)}; it has to stay as it is"
        )
    metadata = {"format": "pt"}
    if source.suffix == ".safetensors":
        with safe_open(str(source), framework="pt") as file:
            metadata |= file.metadata() or {}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(save(halves, metadata))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"checkpoint {str(path)!r} is not a readable safetensors file: {error}") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"checkpoint {str(path)!r} is damaged, or holds objects other than tensors; those are never "
            f"executed. Ask its maker for a plain state dict or safetensors. ({_reason(error)})"
        ) from error
    except Exception as error:  # an unpickler fed with damaged bytes raises anything, IndexError and struct.error too
        raise CheckpointError(
            f"checkpoint {str(path)!r} cannot be read, it may be damaged or truncated: {_reason(error)}"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise CheckpointError(
            f"checkpoint {str(path)!r} holds a {type(state).__name__} that is not a dict of tensors by name; "
            "save network.state_dict(), or a dict with it under 'state_dict'"
        )
    return state


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _is_plain(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.layout is torch.strided and not tensor.is_meta


def _kind(tensor: Tensor) -> str:
    return " ".join(str(what).removeprefix("torch.") for what in (tensor.dtype, tensor.layout, tensor.device))


def _reason(error: Exception) -> str:
    # torch wraps the unpickler's own error in advice on how to load the file all the same, code and all.
    cause = error.__context__ if isinstance(error.__context__, pickle.UnpicklingError) else error
    return (str(cause).splitlines() or [type(error).__name__])[0].partition(". ")[0]
