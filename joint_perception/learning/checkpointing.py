# SPDX-License-Identifier: Apache-2.0
"""Files of a training, whole or not there: its state, to go on from, and its weights."""

from __future__ import annotations

import json
import os
import random
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

RECORD = "training"  # key of the record in the metadata of a weights file


class StateError(ValueError):
    """A saved state that cannot be gone on from."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of another at once, when it is complete.

    Yields:
        The path to write to, with the same suffix, in the same folder, which is made if absent.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write the state of a training: tensors and plain values, in dicts, lists and tuples."""
    with replacing(path) as draft:
        torch.save(state, draft)


def load_state(path: Path) -> dict[str, Any]:
    """Read the state of a training; no code in it is executed.

    Raises:
        StateError: The file is not there, damaged, or no state.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise StateError(f"there is no {path} to resume from; leave --resume out to begin") from error
    except Exception as error:  # an unpickler fed with damaged bytes raises anything, SafetensorError by its suffix too
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise StateError(f"{path} cannot be read: {first}; begin anew in another --out") from error
    if not isinstance(state, dict) or "step" not in state:
        raise StateError(f"{path} is not the state of a training; give the --out of one")
    return state


def random_state() -> dict[str, Any]:
    """State of the generators of Python, NumPy and torch, CUDA's included."""
    kind, words, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002 (whoever uses it)
    return {
        "python": random.getstate(),
        "numpy": (str(kind), torch.from_numpy(np.asarray(words).copy()), int(position), int(has_gauss), float(gauss)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Set the generators as they were."""
    random.setstate(state["python"])
    kind, words, *rest = state["numpy"]
    np.random.set_state((kind, words.numpy(), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():  # pragma: no cover (needs CUDA)
        torch.cuda.set_rng_state_all(state["cuda"])


def save_weights(path: Path, network: nn.Module, record: dict[str, Any]) -> None:
    """Write weights as safetensors, with the record of how they came about in the metadata.

    Args:
        path: The file.
        network: Whose weights; those of batch normalisation's counters are left out.
        record: Values that JSON has.
    """
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with replacing(path) as draft:
        # Not save_file, which lets nobody but the owner read it.
        draft.write_bytes(save(state, {"format": "pt", RECORD: json.dumps(record)}))


def read_record(path: Path) -> dict[str, Any] | None:
    """The record of how weights came about; None where the file has none."""
    with safe_open(str(path), framework="pt") as file:
        text = (file.metadata() or {}).get(RECORD)
    return None if text is None else json.loads(text)
