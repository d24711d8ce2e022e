# SPDX-License-Identifier: Apache-2.0
"""Tiny data sets in the layouts of the real ones."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = (12, 20)


def write(path, array):
    """Write an image; three channels are RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(array, cv2.COLOR_RGB2BGR) if array.ndim == 3 else array
    assert cv2.imwrite(str(path), pixels)
    return path


def photo(seed=0, size=SIZE):
    """A random picture."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def write_camvid(root, split="test", count=3, size=SIZE):
    """CamVid in SegNet's form; the annotation of image i is full of ids, all twelve of them."""
    for i in range(count):
        ids = (np.arange(size[0] * size[1]).reshape(size) + i) % 12
        write(root / split / f"Seq_{i:05d}.png", photo(i, size))
        write(root / f"{split}annot" / f"Seq_{i:05d}.png", ids.astype(np.uint8))
    return root


def write_kitti(root, count=2, size=SIZE, lists="test.txt"):
    """KITTI with labels in colours and depth x 256 for each image."""
    colors = np.array(
        [(128, 128, 128), (128, 0, 0), (128, 64, 128), (0, 0, 192), (128, 128, 0), (64, 0, 128), (0, 0, 0)], np.uint8
    )
    lines = []
    for i in range(count):
        index = (np.arange(size[0] * size[1]).reshape(size) + i) % 7
        depth = ((np.arange(size[0] * size[1]).reshape(size) * 97 + 300) % 20000).astype(np.uint16)
        depth[::3] = 0
        write(root / "image" / f"{i}.png", photo(i, size))
        write(root / "labels" / f"{i}.png", colors[index])
        write(root / "depth" / f"{i}.png", depth)
        lines.append(f"image/{i}.png labels/{i}.png depth/{i}.png")
    (root / lists).write_text("\n".join(lines) + "\n")
    return root


def write_nyud(root, count=2, size=SIZE):
    """NYUDv2 as the network's authors keep it: tabs between rgb, masks and depth."""
    lines = []
    for i in range(count):
        ids = (np.arange(size[0] * size[1]).reshape(size) + i) % 41
        ids[ids == 40] = 255
        depth = ((np.arange(size[0] * size[1]).reshape(size) * 131) % 50000).astype(np.uint16)
        name = f"{i:06d}.png"
        write(root / "rgb" / name, photo(i, size))
        write(root / "masks" / name, ids.astype(np.uint8))
        write(root / "depth" / name, depth)
        lines.append(f"rgb/{name}\tmasks/{name}\tdepth/{name}")
    (root / "val_list_depth.txt").write_text("\n".join(lines) + "\n")
    return root
