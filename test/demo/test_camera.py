# SPDX-License-Identifier: Apache-2.0
"""The camera's pose as ROS writes it."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.demo.camera import quaternion

HALF = np.sqrt(0.5)


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        (np.eye(3), (0, 0, 0, 1)),
        ([[1, 0, 0], [0, 0, -1], [0, 1, 0]], (HALF, 0, 0, HALF)),
        ([[-1, 0, 0], [0, -1, 0], [0, 0, 1]], (0, 0, 1, 0)),
        # An optical frame that looks along x where z is up: REP-103's -90, 0, -90 degrees.
        ([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (-0.5, 0.5, -0.5, 0.5)),
    ],
)
def test_known_rotations(rotation, expected):
    got = np.array(quaternion(np.array(rotation, float)))

    assert min(np.abs(got - expected).max(), np.abs(got + expected).max()) < 1e-12


def test_the_quaternion_turns_vectors_as_the_matrix_does():
    rng = np.random.default_rng(5)
    for _ in range(50):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.linalg.det(turn)
        x, y, z, w = quaternion(turn)
        vector, axis = rng.normal(size=3), np.array([x, y, z])

        turned = vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector)

        np.testing.assert_allclose(turned, turn @ vector, atol=1e-12)
        assert w >= 0
