# SPDX-License-Identifier: Apache-2.0
"""A picture of many worlds: `python -m joint_perception.learning.worlds.gallery OUT.png`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import cv2
import numpy as np

from joint_perception.learning.worlds.world import VIEWS_PER_WORLD, Kind, domain_of, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from joint_perception.learning.worlds.renderer import Rendering

_GAP = 4  # pixels of white between the worlds
_DEPTHS = {"rooms": (0.7, 8.0), "streets": (2.0, 150.0)}  # metres that the colours of depth span


def gallery(
    kinds: Sequence[Kind], rows: int, columns: int, size: tuple[int, int] = (240, 180), first_seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Worlds side by side: below each picture its labels, depth (near bright, far dark) and normals.

    Args:
        kinds: Of the worlds, one block of rows for each.
        rows: Rows of worlds for each kind.
        columns: Worlds in a row.
        size: Width and height of a picture in pixels.
        first_seed: Seed of the first world of each kind.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    blocks = []
    for kind in kinds:
        for row in range(rows):
            seeds = range(first_seed + row * columns, first_seed + (row + 1) * columns)
            columns_of_row = [
                np.concatenate(_panels(kind, sample(kind, seed * VIEWS_PER_WORLD[kind], size))) for seed in seeds
            ]
            padded = [np.pad(c, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255) for c in columns_of_row]
            blocks.append(np.concatenate(padded, axis=1))
    return np.concatenate(blocks)[:-_GAP, :-_GAP]


def _panels(kind: Kind, view: Rendering) -> list[npt.NDArray[np.uint8]]:
    """Picture, labels, depth and normals in colour."""
    near, far = _DEPTHS[kind]
    share = 1 - np.log(np.maximum(view.depth, near) / near) / np.log(far / near)
    gray = np.nan_to_num(np.clip(share, 0, 1) * 255).astype(np.uint8)
    depth = cv2.cvtColor(cv2.applyColorMap(gray, cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB).astype(np.uint8)
    normals = np.nan_to_num((view.normals * (1, -1, -1) + 1) * 127.5).astype(np.uint8)
    return [view.image, domain_of(kind).colorize(view.labels), depth, normals]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a gallery as a PNG.

    Raises:
        OSError: The file cannot be written.
    """
    parser = argparse.ArgumentParser(prog="python -m joint_perception.learning.worlds.gallery", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png", help="file to write")
    parser.add_argument("--kind", choices=get_args(Kind), help="only this kind of world")
    parser.add_argument("--rows", type=int, default=1, help="rows of worlds of each kind")
    parser.add_argument("--columns", type=int, default=6, help="worlds in a row")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first world")
    options = parser.parse_args(arguments)
    kinds = (options.kind,) if options.kind else get_args(Kind)
    image = gallery(kinds, options.rows, options.columns, first_seed=options.seed)
    coded, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not coded:
        raise OSError(f"cannot encode {options.out} as PNG")
    options.out.write_bytes(data.tobytes())


if __name__ == "__main__":
    main()
