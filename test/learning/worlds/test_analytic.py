# SPDX-License-Identifier: Apache-2.0
"""Depth, labels and normals of shapes whose truth is a formula."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.domains import KITTI
from joint_perception.learning.worlds.mesh import rotation
from joint_perception.learning.worlds.views import look

from .scenes import CAMERA, PLAIN_SENSOR, finish, new_kit, pixel_rays, sunlight

POSE = look((0.3, -0.2, 1.5), yaw=0.35, pitch=-0.15, roll=0.1)
ROAD, CAR, BUILDING, SKY = (KITTI.class_ids((name,))[0] for name in ("road", "car", "building", "sky"))


def _ground(kit, half=400.0):
    kit.builder.quad(
        (-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0), kit.material("road", (0.2, 0.2, 0.2))
    )


def test_plane_has_its_closed_form_depth_label_and_normal():
    kit = new_kit()
    _ground(kit)
    seen = finish(kit).render(CAMERA, POSE)
    _, rays = pixel_rays(CAMERA, POSE)
    expected = np.where(rays[..., 2] < 0, -POSE[2, 3] / rays[..., 2], np.nan)
    below = np.nan_to_num(expected, nan=1e9) < 250
    above = rays[..., 2] >= 0
    assert below.sum() > 4000
    assert above.sum() > 1000
    np.testing.assert_allclose(seen.depth[below], expected[below], rtol=2e-5)
    assert np.isnan(seen.depth[above]).all()
    assert (seen.labels[below] == ROAD).all()
    assert (seen.labels[above] == SKY).all()
    up = POSE[:3, :3].T @ (0, 0, 1)
    np.testing.assert_allclose(seen.normals[below], np.broadcast_to(up, (below.sum(), 3)), atol=1e-5)


def test_depth_is_z_and_not_range():
    kit = new_kit()
    wall = kit.material("building", (0.5, 0.5, 0.5))
    pose = look((0, 0, 0), yaw=0.0)
    kit.builder.quad((7, -50, -50), (7, 50, -50), (7, 50, 50), (7, -50, 50), wall)
    depth = finish(kit).render(CAMERA, pose).depth
    np.testing.assert_allclose(depth, 7.0, rtol=1e-6)


def test_sphere_has_its_closed_form_depth_and_normal():
    kit = new_kit()
    centre, radius = np.array([5.0, 1.2, 1.3]), 1.1
    kit.builder.ellipsoid(centre, (2 * radius,) * 3, kit.material("car", (0.5, 0, 0)), rings=128)
    seen = finish(kit).render(CAMERA, POSE)
    _, rays = pixel_rays(CAMERA, POSE)
    a, b = (rays**2).sum(-1), (rays * (POSE[:3, 3] - centre)).sum(-1)
    inside = b**2 - a * (((POSE[:3, 3] - centre) ** 2).sum() - radius**2)
    depth = (-b - np.sqrt(np.where(inside > 0, inside, np.nan))) / a
    core = np.nan_to_num(inside, nan=-1) > 0.5 * a  # away from the rim, where facets tell
    assert core.sum() > 1000
    np.testing.assert_allclose(seen.depth[core], depth[core], atol=2e-3)
    assert (seen.labels[core] == CAR).all()
    normal = (POSE[:3, 3] + rays * depth[..., None] - centre) / radius @ POSE[:3, :3]
    angle = np.degrees(np.arccos(np.clip((seen.normals * normal).sum(-1)[core], -1, 1)))
    assert angle.max() < 0.5
    outside = inside < -0.05 * a
    assert np.isnan(seen.depth[outside]).all()


def test_turned_box_has_its_closed_form_depth_and_normal():
    kit = new_kit()
    centre, size, turn = np.array([6.0, 1.5, 1.4]), np.array([1.5, 2.0, 1.1]), rotation(0.6, 0.3, -0.2)
    kit.builder.box(centre, size, kit.material("building", (0.5, 0.5, 0.4)), turn)
    seen = finish(kit).render(CAMERA, POSE)
    _, rays = pixel_rays(CAMERA, POSE)
    # Slabs: in the box's own axes the ray enters at the last of its three entries.
    origin, local = turn.T @ (POSE[:3, 3] - centre), rays @ turn
    first = np.minimum((-size / 2 - origin) / local, (size / 2 - origin) / local)
    last = np.maximum((-size / 2 - origin) / local, (size / 2 - origin) / local)
    enter, leave = first.max(-1), last.min(-1)
    hit = enter < leave - 1e-3
    axis = first.argmax(-1)
    normal = (turn[:, axis] * -np.sign(np.take_along_axis(local, axis[..., None], -1))[..., 0]).transpose(1, 2, 0)
    assert hit.sum() > 800
    assert len(np.unique(axis[hit])) == 3
    np.testing.assert_allclose(seen.depth[hit], enter[hit], rtol=1e-4)
    assert (seen.labels[hit] == BUILDING).all()
    sure = hit & (np.sort(first, axis=-1)[..., -1] - np.sort(first, axis=-1)[..., -2] > 1e-3)
    np.testing.assert_allclose(seen.normals[sure], (normal @ POSE[:3, :3])[sure], atol=1e-5)
    assert np.isnan(seen.depth[enter > leave + 1e-3]).all()


def test_what_is_nearer_hides_what_is_farther():
    kit = new_kit()
    for x, label in ((9.0, "building"), (4.0, "car")):
        kit.builder.box((x, 0, 0), (1, 1, 1), kit.material(label, (0.5, 0.5, 0.5)))
    seen = finish(kit).render(CAMERA, look((0, 0, 0), 0.0))
    v, u = round(CAMERA.cy), round(CAMERA.cx)
    assert seen.labels[v, u] == CAR
    assert seen.depth[v, u] == pytest.approx(3.5, rel=1e-6)


def test_texture_coordinates_are_metres_along_the_surface():
    kit = new_kit()
    kit.builder.quad((0, 0, 0), (4, 0, 0), (4, 3, 0), (0, 3, 0), kit.material("road", (0.2, 0.2, 0.2)))
    at = np.random.default_rng(0).uniform((0.05, 0.05), (3.95, 2.95), (200, 2)).astype(np.float32)
    origins = np.concatenate([at, np.full((200, 1), 2, np.float32)], axis=1)
    down = np.tile(np.array([[0, 0, -1]], np.float32), (200, 1))
    hit, surface = finish(kit).tracer.cast(origins, down)
    assert hit.all()
    np.testing.assert_allclose(surface.uv, at, atol=1e-5)


def test_a_block_throws_its_shadow_where_the_sun_says():
    kit = new_kit()
    _ground(kit)
    kit.builder.box((10, 0, 1.5), (0.4, 2, 1), kit.material("building", (0.3, 0.3, 0.3)))
    # The sun stands at 45 degrees beyond the block: the shadow of what is at height h falls h metres nearer.
    renderer = finish(kit, sunlight((1, 0, 1)))
    seen = renderer.render(CAMERA, look((6.5, 0, 6), 0.0, -1.3))
    x, y, _ = np.moveaxis(seen.pose[:3, 3] + pixel_rays(CAMERA, seen.pose)[1] * seen.depth[..., None], -1, 0)
    road = seen.labels == ROAD
    shadow = road & (np.abs(x - 8.5) < 0.35) & (np.abs(y) < 0.7)
    lit = road & (x < 7.3) & (np.abs(y) < 0.7)
    assert shadow.sum() > 50
    assert lit.sum() > 50
    assert seen.image[shadow].mean() < 0.6 * seen.image[lit].mean()


def test_exposure_brings_an_even_surface_to_its_key():
    gray = np.full((20, 30, 3), 0.07, np.float32)
    image = PLAIN_SENSOR.develop(gray, np.ones((20, 30), bool), np.random.default_rng(0))
    assert np.abs(image.astype(int) - round(0.4 * 255)).max() <= 1


@pytest.mark.parametrize("pose", [np.diag([2.0, 1, 1, 1]), np.eye(3)])
def test_refuses_what_is_no_pose(pose):
    kit = new_kit()
    _ground(kit)
    with pytest.raises(ValueError, match="rigid"):
        finish(kit).render(CAMERA, pose)
