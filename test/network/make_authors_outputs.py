# SPDX-License-Identifier: Apache-2.0
"""Writes authors_outputs.json: what the authors' own definition of the network says of the formula's picture.

Run by hand: `PYTHONPATH=test/support python test/network/make_authors_outputs.py path/to/models.py`, with
src/models.py of github.com/DrSleep/multi-task-refinenet; its licence keeps it out of this repository.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import formula_checkpoint as formula
import torch

HERE = Path(__file__).resolve().parent
CASES = (  # classes, tasks, height, width
    (40, 2, 64, 96),
    (40, 2, 97, 131),
    (40, 3, 97, 131),
    (6, 2, 64, 96),
    (6, 2, 350, 1200),
    (46, 2, 97, 131),
)
HEADS = ("segm", "depth", "normal")


def load_module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def summarise(head: torch.Tensor) -> dict[str, object]:
    """Statistics of a head's output, and its values at its corners, its middle and places in between."""
    values = head.double()
    _, channels, height, width = head.shape
    places = [
        (channel, y, x)
        for channel in sorted({0, channels // 2, channels - 1})
        for y, x in (
            (0, 0),
            (0, width - 1),
            (height // 2, width // 2),
            (height - 1, width // 3),
            (height - 1, width - 1),
        )
    ]
    return {
        "shape": "x".join(map(str, head.shape)),
        "mean": values.mean().item(),
        "std": values.std().item(),
        "abs_sum": values.abs().sum().item(),
        "values": {" ".join(map(str, place)): head[(0, *place)].item() for place in places},
    }


def main() -> None:
    authors = load_module(Path(sys.argv[1]))
    cases = []
    for classes, tasks, height, width in CASES:
        network = authors.net(classes, tasks).eval()
        names = network.load_state_dict(formula.formula_state_dict(classes, tasks), strict=False)
        if names.unexpected_keys or not all(name.endswith("num_batches_tracked") for name in names.missing_keys):
            raise SystemExit(f"the formula's tensors are not the authors' tensors: {names}")
        with torch.inference_mode():
            outputs = network(formula.formula_input(height, width))
        heads = {head: summarise(output) for head, output in zip(HEADS[:tasks], outputs, strict=True)}
        heads["segm"]["distinct_labels"] = len(outputs[0].argmax(1).unique())
        cases.append({"classes": classes, "tasks": tasks, "height": height, "width": width, "heads": heads})
    content = {
        "about": "Outputs of the authors' own definition (src/models.py of github.com/DrSleep/multi-task-refinenet, "
        "git blob c289c16e74c0ad642d780c369d26e2689cc26c46) with the weights and on the picture of "
        f"formula_checkpoint.py, in float32 on a CPU by torch {torch.__version__.partition('+')[0]}; written by "
        "make_authors_outputs.py. values: channel, y, x: value.",
        "cases": cases,
    }
    (HERE / "authors_outputs.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
