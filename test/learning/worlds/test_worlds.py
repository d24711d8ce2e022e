# SPDX-License-Identifier: Apache-2.0
"""Rooms and streets: repeatable, consistent, varied, and true to their own geometry."""

from __future__ import annotations

import hashlib
import multiprocessing
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from joint_perception.domains import KITTI, NYUD
from joint_perception.learning.worlds import VIEWS_PER_WORLD, domain_of, make_world, sample
from joint_perception.learning.worlds.views import camera_of

from .scenes import pixel_rays, points_of

KINDS = ("rooms", "streets")
SMALL = (96, 72)


@lru_cache
def world(kind, seed):
    return make_world(kind, seed)


@lru_cache
def views(kind):
    """A few views each of a few worlds."""
    seen = []
    for seed in range(4 if kind == "streets" else 8):
        rng = np.random.default_rng(seed)
        for _ in range(3):
            camera = world(kind, seed).random_camera(rng, *SMALL)
            seen.append(world(kind, seed).render(camera, world(kind, seed).random_pose(rng, camera)))
    return seen


def digest(kind, seed):
    seen = sample(kind, seed, SMALL)
    parts = (seen.image, seen.depth, seen.labels, seen.normals, seen.pose)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_bytes_in_every_process(kind):
    here = digest(kind, 11)
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import hashlib, numpy as np\n"
        "from joint_perception.learning.worlds import sample\n"
        f"s = sample({kind!r}, 11, {SMALL!r})\n"
        "p = (s.image, s.depth, s.labels, s.normals, s.pose)\n"
        "print(hashlib.sha256(b''.join(np.ascontiguousarray(x).tobytes() for x in p)).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=100)
    assert there.stdout.strip() == here
    assert digest(kind, 12) != here


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
def test_forked_workers_render_the_same():
    here = digest("rooms", 3)  # the parent has used Embree before it forks, as a training process may have
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        assert pool.starmap_async(digest, [("rooms", 3)] * 2).get(timeout=60) == [here, here]


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_types_and_ranges(kind):
    classes = domain_of(kind).num_classes
    for seen in views(kind):
        height, width = SMALL[1], SMALL[0]
        assert seen.image.shape == (height, width, 3)
        assert seen.image.dtype == np.uint8
        assert seen.depth.shape == (height, width)
        assert seen.depth.dtype == np.float32
        assert seen.labels.dtype == np.uint8
        assert seen.normals.shape == (height, width, 3)
        assert seen.normals.dtype == np.float32
        ids = np.unique(seen.labels)
        assert ((ids < classes) | (ids == 255)).all()
        solid = np.isfinite(seen.depth)
        assert (seen.depth[solid] > 0).all()
        assert (np.isfinite(seen.normals).all(-1) == solid).all()


@pytest.mark.parametrize("kind", KINDS)
def test_normals_are_unit_and_face_the_camera(kind):
    for seen in views(kind):
        solid = np.isfinite(seen.depth)
        rays, _ = pixel_rays(seen.camera, seen.pose)
        np.testing.assert_allclose(np.linalg.norm(seen.normals[solid], axis=-1), 1, atol=1e-4)
        assert (seen.normals * rays).sum(-1)[solid].max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_normals_agree_with_the_depth_around_them(kind):
    for seen in views(kind):
        points = points_of(seen.depth, seen.camera, seen.pose)
        flat = np.cross(points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1])
        flat = -(flat / np.linalg.norm(flat, axis=-1, keepdims=True)) @ seen.pose[:3, :3]
        normal = seen.normals[1:-1, 1:-1]
        same = np.ones(normal.shape[:2], bool)  # only where the neighbours lie in one plane
        for dv, du in ((0, 1), (2, 1), (1, 0), (1, 2)):
            near = seen.normals[dv : dv + normal.shape[0], du : du + normal.shape[1]]
            step = points[dv : dv + normal.shape[0], du : du + normal.shape[1]] - points[1:-1, 1:-1]
            off = np.abs((step * (normal @ seen.pose[:3, :3].T)).sum(-1))
            same &= ((near * normal).sum(-1) > 0.9999) & (off < 1e-3)
        if same.sum() < 200:
            continue
        assert np.median((flat * normal).sum(-1)[same]) > 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_images_show_something(kind):
    for seen in views(kind):
        assert seen.image.std() > 8
        assert len(np.unique(seen.labels)) >= 3
        assert (seen.depth < 0.3).mean() < 0.02  # not inside things


def test_road_lies_on_the_ground():
    road = KITTI.class_ids(("road",))[0]
    points = np.concatenate([points_of(s.depth, s.camera, s.pose)[s.labels == road] for s in views("streets")])
    assert len(points) > 10_000
    assert np.abs(points[:, 2]).max() < 0.01


def test_sky_and_only_sky_has_no_depth():
    sky = KITTI.class_ids(("sky",))[0]
    for seen in views("streets"):
        assert ((seen.labels == sky) == np.isnan(seen.depth)).all()
    assert np.mean([(seen.labels == sky).mean() for seen in views("streets")]) > 0.05


def test_rooms_are_closed():
    assert all(np.isfinite(seen.depth).all() for seen in views("rooms"))


def test_the_street_camera_rides_in_a_car():
    for seen in views("streets"):
        assert 1.0 < seen.pose[2, 3] < 2.3
        assert abs(seen.pose[2, 2]) < 0.3  # looks about level


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_a_path_see_the_same_world(kind):
    camera = camera_of(160, 120, 0.8)
    poses = world(kind, 1).path(12, fps=10)
    first, second = (world(kind, 1).render(camera, poses[i]) for i in (0, 3))
    assert not np.allclose(first.pose, second.pose)
    points = points_of(first.depth, camera, first.pose)[np.isfinite(first.depth)]
    points = points[np.random.default_rng(0).choice(len(points), 400, replace=False)]
    local = (points - second.pose[:3, 3]) @ second.pose[:3, :3]
    u, v = (local[:, :2] / local[:, 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)).T
    inside = (local[:, 2] > 0) & (u > 0) & (v > 0) & (u < camera.width - 1) & (v < camera.height - 1)
    assert inside.sum() > 150
    # A camera of one pixel at exactly the place where the point should be seen again.
    again = np.array(
        [
            world(kind, 1)
            .render(replace(camera, cx=camera.cx - x, cy=camera.cy - y, width=1, height=1), second.pose)
            .depth[0, 0]
            for x, y in zip(u[inside], v[inside], strict=True)
        ]
    )
    expected = local[inside, 2]
    # Nothing that was seen has vanished: it is where it was, or something nearer hides it now.
    assert (again < expected * 1.001).all()
    assert (np.abs(again - expected) < 0.001 * expected).mean() > 0.75


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_is_smooth_and_free(kind):
    for seed in range(2):
        poses = world(kind, seed).path(60, fps=10)
        assert len(poses) == 60
        steps = np.linalg.norm(np.diff([p[:3, 3] for p in poses], axis=0), axis=1)
        turns = [np.arccos(np.clip((np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2, -1, 1)) for a, b in pairwise(poses)]
        assert steps.max() < 1.0
        assert max(turns) < 0.1
        camera = camera_of(32, 24, 0.8)
        for pose in poses[::10]:
            assert np.nanmin(world(kind, seed).render(camera, pose).depth) > 0.05


def test_a_drive_of_any_length_stays_on_its_street():
    short, long = (world("streets", 2).path(n, fps=10) for n in (10, 3000))
    assert np.linalg.norm(long[-1][:3, 3] - long[0][:3, 3]) > np.linalg.norm(short[-1][:3, 3] - short[0][:3, 3])
    assert np.linalg.norm(long[-1][:3, 3]) < 250


def test_streets_show_every_class():
    assert set(np.unique([s.labels for s in views("streets")])) >= set(range(KITTI.num_classes))


def test_thirty_rooms_show_nearly_every_class():
    seen: set[int] = set()
    camera = camera_of(64, 48, 0.8)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        room = make_world("rooms", seed)
        for _ in range(4):
            seen |= set(np.unique(room.render(camera, room.random_pose(rng, camera)).labels).tolist())
    rare = {"refridgerator", "shower-curtain", "whiteboard", "person", "otherfurniture"}
    missing = {name for i, name in enumerate(NYUD.class_names) if i not in seen} - rare
    assert not missing


def test_sample_takes_a_camera_or_a_size():
    camera = camera_of(48, 36, 0.7)
    assert sample("rooms", 4, camera).camera == camera
    assert sample("rooms", 4, (48, 36)).image.shape == (36, 48, 3)


def test_consecutive_street_seeds_are_views_of_one_world():
    n = VIEWS_PER_WORLD["streets"]
    first, same, other = (sample("streets", seed, SMALL) for seed in (n, n + 1, 2 * n))
    assert not np.array_equal(first.image, same.image)
    again = make_world("streets", 1).render(same.camera, same.pose)
    assert np.array_equal(again.image, same.image)
    assert not np.array_equal(make_world("streets", 1).render(other.camera, other.pose).depth, other.depth)


def test_refuses_nonsense():
    with pytest.raises(ValueError, match="unknown kind of world 'sea'"):
        make_world("sea", 0)
    with pytest.raises(ValueError, match="seed is -1"):
        make_world("rooms", -1)
    with pytest.raises(ValueError, match="seed is -3"):
        sample("streets", -3, SMALL)
    with pytest.raises(ValueError, match="path of 0 frames"):
        world("rooms", 0).path(0)


def test_gallery_command_writes_a_picture(tmp_path):
    cv2 = pytest.importorskip("cv2")
    from joint_perception.learning.worlds.gallery import main  # noqa: PLC0415

    main([str(tmp_path / "g.png"), "--kind", "rooms", "--columns", "2"])
    image = cv2.imread(str(tmp_path / "g.png"))
    assert image.shape == (4 * 180, 2 * 240 + 4, 3)
    assert image.std() > 20
