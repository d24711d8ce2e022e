# SPDX-License-Identifier: Apache-2.0
"""Sampling of textures: exact up close, the mean from afar, repeating."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.learning.worlds.patterns import PATTERNS, SIZE
from joint_perception.learning.worlds.textures import bank, bilinear


@pytest.mark.parametrize("name", list(PATTERNS))
def test_from_afar_a_texture_is_its_mean(name):
    texture = bank().pick(np.random.default_rng(0), name)
    grid = (np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).reshape(-1, 2) + 0.5) / SIZE
    kind = np.full(len(grid), texture, np.int32)
    near = bank().sample(kind, grid.astype(np.float32), np.zeros(len(grid), np.float32))
    far = bank().sample(kind[:1], np.array([[0.3, 0.7]], np.float32), np.array([10.0], np.float32))
    np.testing.assert_allclose(far[0], near.mean(0), atol=0.02)
    assert near.std(0).max() > 0.01


def test_textures_repeat_every_tile():
    uv = np.random.default_rng(1).uniform(0, 1, (500, 2)).astype(np.float32)
    kind = np.full(500, bank().pick(np.random.default_rng(0), "brick"), np.int32)
    here, there = (bank().sample(kind, uv + np.float32(k), np.full(500, 0.01, np.float32)) for k in (0, -3))
    np.testing.assert_allclose(here, there, atol=0.02)


def test_bilinear_is_exact_on_and_between_cells():
    field = np.random.default_rng(0).random((SIZE, SIZE)).astype(np.float32)
    places = np.array([[7, 3], [7.5, 3], [SIZE - 0.5, 3], [7, -1]], np.float32)
    expected = [field[3, 7], (field[3, 7] + field[3, 8]) / 2, (field[3, -1] + field[3, 0]) / 2, field[-1, 7]]
    np.testing.assert_allclose(bilinear(field, places), expected, atol=1e-6)
