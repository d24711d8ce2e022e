# SPDX-License-Identifier: Apache-2.0
"""Normals from depth, against planes and a sphere in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from planes import CAMERA, depth_of, rays, unit

from joint_perception.geometry import normals_from_depth

INSIDE = (slice(1, -1), slice(1, -1))


@pytest.mark.parametrize(
    ("normal", "offset"),
    [
        ((0.0, 0.0, -1.0), 2.0),  # a wall ahead
        (unit(0.4, 0.0, -1.0), 3.0),
        (unit(-0.3, 0.5, -1.0), 5.0),
    ],
)
def test_a_plane_has_its_normal_everywhere(normal, offset):
    normals = normals_from_depth(depth_of(normal, offset), CAMERA)

    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals[INSIDE], np.broadcast_to(normal, normals[INSIDE].shape), atol=2e-3)


def test_the_ground_points_up_and_the_ceiling_down():
    ground = normals_from_depth(depth_of((0.0, -1.0, 0.0), 1.5), CAMERA, edge=0.5)
    near = ground[60:-1, 1:-1]
    np.testing.assert_allclose(near, np.broadcast_to((0.0, -1.0, 0.0), near.shape), atol=5e-3)

    ceiling = normals_from_depth(depth_of((0.0, 1.0, 0.0), 1.5), CAMERA, edge=0.5)[1:8, 1:-1]
    np.testing.assert_allclose(ceiling, np.broadcast_to((0.0, 1.0, 0.0), ceiling.shape), atol=5e-3)


def test_a_sphere_bulges_towards_the_camera():
    centre, radius = np.array([0.2, -0.1, 4.0]), 1.0
    directions = rays()
    a = (directions**2).sum(axis=2)
    b = directions @ centre
    inside = b**2 - a * (centre @ centre - radius**2)
    with np.errstate(invalid="ignore"):
        depth = ((b - np.sqrt(inside)) / a).astype(np.float32)

    normals = normals_from_depth(depth, CAMERA)

    found = np.isfinite(normals).all(axis=2)
    assert found.sum() > 500
    expected = (directions * depth[..., None] - centre) / radius
    cosines = (normals * expected).sum(axis=2)[found]
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 6.0
    assert ((normals * directions).sum(axis=2)[found] < 0).all(), "they look away from the camera"


def test_they_are_of_length_one_or_none():
    depth = depth_of(unit(0.4, 0.0, -1.0), 3.0)
    depth[20:30, 20:30] = np.nan

    normals = normals_from_depth(depth, CAMERA)

    lengths = np.linalg.norm(normals, axis=2)
    found = np.isfinite(lengths)
    np.testing.assert_allclose(lengths[found], 1.0, atol=1e-5)
    assert not found[19:31, 20:30].any()
    assert not found[20:30, 19:31].any()
    assert found[17, 17]


def test_none_at_the_border_and_across_a_step():
    depth = np.full((70, 100), 2.0, np.float32)
    depth[:, 50:] = 4.0

    found = np.isfinite(normals_from_depth(depth, CAMERA)).all(axis=2)

    assert not found[[0, -1]].any()
    assert not found[:, [0, -1]].any()
    assert not found[:, 48:52].any()
    assert found[1:-1, 1:48].all()
    assert found[1:-1, 52:-1].all()


def test_an_image_too_small_for_differences_has_none():
    from joint_perception.geometry import Pinhole  # noqa: PLC0415

    assert np.isnan(normals_from_depth(np.ones((2, 9), np.float32), Pinhole(5, 5, 4, 1, 9, 2))).all()


def test_depth_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(10, 10\)"):
        normals_from_depth(np.ones((10, 10), np.float32), CAMERA)
