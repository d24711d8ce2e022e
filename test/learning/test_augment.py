# SPDX-License-Identifier: Apache-2.0
"""Augmentation: image and annotations stay together, and depth and normals stay those of one world."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from joint_perception.learning.augment import Augmentation, DepthMap, NormalMap
from joint_perception.learning.datasets import Example

PLAIN = {"mirror": 0.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
FOCAL = 90.0
VOID = 255


def plane_example(normal, height=60, width=80):
    """A plane seen by a pinhole camera, exact; red is the column, green the row."""
    n = np.array(normal) / np.linalg.norm(normal)
    v, u = np.mgrid[:height, :width]
    rays = np.stack([(u - (width - 1) / 2) / FOCAL, (v - (height - 1) / 2) / FOCAL, np.ones_like(u)], -1)
    depth = -3.0 / (rays @ n)  # n . P = -3
    image = np.stack([u, v, np.full_like(u, 7)]).astype(np.uint8)
    normals = np.broadcast_to(n[:, None, None], (3, height, width)).copy()
    return Example(
        torch.from_numpy(image),
        torch.from_numpy(u.astype(np.uint8)),
        torch.from_numpy(depth).float(),
        torch.from_numpy(normals).float(),
    )


def fitted_normal(depth):
    """Normal of the plane whose depth this is, seen by the same camera: 1 / Z is linear in the ray."""
    height, width = depth.shape
    v, u = np.mgrid[:height, :width]
    rays = np.stack([(u - (width - 1) / 2) / FOCAL, (v - (height - 1) / 2) / FOCAL, np.ones(u.shape)], -1)
    n, *_ = np.linalg.lstsq(rays.reshape(-1, 3), 1 / depth.double().numpy().ravel(), rcond=None)
    return -n / np.linalg.norm(n)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_normals_remain_those_of_the_depth(scale, mirror):
    example = plane_example((0.5, -0.3, -0.8))
    size = (round(60 * scale), round(80 * scale))
    out = Augmentation(size, (scale, scale), **{**PLAIN, "mirror": mirror})(example)
    expected = fitted_normal(out.depth)
    assert out.normals.shape == (3, *size)
    np.testing.assert_allclose(out.normals.mean(dim=(1, 2)), expected, atol=0.02)
    torch.testing.assert_close(out.normals.norm(dim=0), torch.ones(size))


def test_enlarging_by_two_halves_the_depth_and_mixes_nothing():
    example = plane_example((0.2, 0.1, -1.0))
    out = Augmentation((40, 60), (2.0, 2.0), **PLAIN)(example, torch.Generator().manual_seed(4))
    values, ids = set((example.depth / 2).flatten().tolist()), set(example.labels.flatten().tolist())
    assert set(out.depth.flatten().tolist()) <= values
    assert set(out.labels.flatten().tolist()) <= ids
    assert len(out.labels.unique()) == 30  # 60 pixels are 30 of the original


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.0, 1.3, 2.2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_annotations_stay_on_their_pixels(scale, seed):
    example = plane_example((0.0, 0.0, -1.0))
    out = Augmentation((48, 64), (scale, scale), **{**PLAIN, "mirror": 0.5})(
        example, torch.Generator().manual_seed(seed)
    )
    known = out.labels != VOID
    # Away from the padding, where the image is blended with its colour.
    inner = torch.nn.functional.max_pool2d((~known)[None].float(), 7, 1, 3)[0] == 0
    off = out.image[0].int() - out.labels.int()  # red and label are both the column
    assert inner.any()
    assert off[inner].abs().max() <= max(1, round(0.5 / scale) + 1)
    assert off[inner].float().mean().abs() < 0.6
    assert torch.equal(known, torch.isfinite(out.depth))
    assert torch.equal(known, torch.isfinite(out.normals).all(dim=0))
    torch.testing.assert_close(out.depth[known], torch.full_like(out.depth[known], 3.0 / scale), rtol=0.02, atol=0)


def test_window_larger_than_the_image_is_void_and_nan_outside():
    example = plane_example((0.0, 0.0, -1.0), 20, 30)
    out = Augmentation((40, 50), (1.0, 1.0), **PLAIN)(example, torch.Generator().manual_seed(2))
    known = out.labels != VOID
    assert int(known.sum()) == 20 * 30
    assert int(torch.isfinite(out.depth).sum()) == 20 * 30
    assert int(torch.isfinite(out.normals).sum()) == 3 * 20 * 30
    rows, columns = torch.nonzero(known, as_tuple=True)
    inside = (..., slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1))
    assert torch.equal(out.image[inside], example.image)
    outside = out.image.permute(1, 2, 0)[~known]
    assert outside.unique(dim=0).tolist() == [[124, 116, 104]]  # ImageNet's mean: zero for the network


def test_mirror_flips_everything_and_negates_x_of_the_normals():
    example = plane_example((0.5, -0.3, -0.8))
    out = Augmentation((60, 80), (1.0, 1.0), **{**PLAIN, "mirror": 1.0})(example)
    assert torch.equal(out.image, example.image.flip(-1))
    assert torch.equal(out.labels, example.labels.flip(-1))
    assert torch.equal(out.depth, example.depth.flip(-1))
    torch.testing.assert_close(out.normals, example.normals.flip(-1) * torch.tensor([-1.0, 1.0, 1.0])[:, None, None])


def test_jitter_touches_the_image_only():
    example = plane_example((0.0, 0.1, -1.0))
    out = Augmentation((60, 80), (1.0, 1.0), mirror=0.0)(example, torch.Generator().manual_seed(0))
    assert not torch.equal(out.image, example.image)
    assert out.image.dtype == torch.uint8
    assert torch.equal(out.labels, example.labels)
    assert torch.equal(out.depth, example.depth)
    torch.testing.assert_close(out.normals, example.normals)


def test_same_generator_state_gives_the_same_result():
    example, augmentation = plane_example((0.1, 0.1, -1.0)), Augmentation((32, 40))
    a, b, c = (augmentation(example, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8))
    for name in ("image", "labels", "depth", "normals"):
        assert torch.equal(getattr(a, name).nan_to_num(-9), getattr(b, name).nan_to_num(-9)), name
    assert not torch.equal(a.image, c.image)


def test_missing_annotations_stay_missing_and_do_not_change_the_draw():
    full = plane_example((0.1, 0.1, -1.0))
    bare = Example(full.image, channels=(40, 6))
    augmentation = Augmentation((32, 40))
    a, b = (augmentation(e, torch.Generator().manual_seed(1)) for e in (full, bare))
    assert (b.labels, b.depth, b.normals) == (None, None, None)
    assert b.channels == (40, 6)
    assert torch.equal(a.image, b.image)


def test_original_is_left_as_it_was():
    example, reference = plane_example((0.1, 0.2, -1.0)), plane_example((0.1, 0.2, -1.0))
    Augmentation((60, 80), (1.0, 1.0), mirror=1.0)(example)
    for name in ("image", "labels", "depth", "normals"):
        assert torch.equal(getattr(example, name), getattr(reference, name)), name


def test_scales_and_places_vary_over_their_whole_range():
    example, augmentation = plane_example((0.0, 0.0, -1.0)), Augmentation((30, 40), (0.5, 2.0), **PLAIN)
    generator = torch.Generator().manual_seed(0)
    outs = [augmentation(example, generator) for _ in range(200)]
    scales = np.array([3.0 / out.depth.nanmedian().item() for out in outs])
    assert scales.min() < 0.6
    assert scales.max() > 1.7
    assert 0.42 < (scales < 1).mean() < 0.58  # as often smaller as larger
    firsts = {int(out.labels[0, 0]) for out in outs}
    assert len(firsts) > 10


def test_torchvisions_own_transforms_know_the_annotations():
    from torchvision.transforms import v2  # noqa: PLC0415 (importable only after the module under test)

    example = plane_example((0.5, -0.3, -0.8))
    depth, normals = v2.Resize((30, 40))(DepthMap(example.depth), NormalMap(example.normals))
    assert depth.mean().item() == pytest.approx(2 * example.depth.mean().item(), rel=0.05)
    np.testing.assert_allclose(normals.mean(dim=(1, 2)), fitted_normal(depth), atol=0.03)
    flipped = v2.RandomHorizontalFlip(1.0)(normals)
    torch.testing.assert_close(flipped[0].as_subclass(torch.Tensor), -normals[0].as_subclass(torch.Tensor).flip(-1))


@pytest.mark.parametrize(
    ("change", "named"),
    [({"size": (0, 4)}, "size"), ({"scale": (2.0, 1.0)}, "scale"), ({"mirror": 1.5}, "mirror"), ({"hue": 0.6}, "hue")],
)
def test_ranges_that_are_none_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        Augmentation(**{"size": (4, 4), **change})


def grey_example():
    example = plane_example((0.2, 0.1, -1.0))
    return Example(torch.full_like(example.image, 128), example.labels, example.depth, example.normals)


def test_noise_and_blur_touch_the_image_only_and_are_as_strong_as_was_drawn():
    example, generator = grey_example(), torch.Generator().manual_seed(3)
    augmentation = Augmentation((60, 80), (1.0, 1.0), **PLAIN, noise=40.0)
    deviations = []
    for _ in range(40):
        out = augmentation(example, generator)
        torch.testing.assert_close(out.depth, example.depth)
        torch.testing.assert_close(out.labels, example.labels)
        deviations.append(out.image.float().std().item())
    assert out.image.dtype == torch.uint8
    assert min(deviations) < 8
    assert 32 < max(deviations) < 41

    edge = Example(example.image.clone(), None, None, None)
    edge.image[:, :, :40] = 0
    widths = []
    for _ in range(40):
        blurred = Augmentation((60, 80), (1.0, 1.0), **PLAIN, blur=3.0)(edge, generator).image[0, 30].int()
        widths.append(int(((blurred > 5) & (blurred < 123)).sum()))
    assert min(widths) < 3
    assert 8 < max(widths) < 16


def test_without_noise_and_blur_the_random_numbers_are_those_that_they_were():
    example, first, second = plane_example((0.2, 0.1, -1.0)), torch.Generator(), torch.Generator()
    first.manual_seed(9)
    second.manual_seed(9)
    for _ in range(3):
        plain = Augmentation((40, 60))(example, first)
        torch.rand(Augmentation._DRAWS, generator=second, dtype=torch.float64)
    assert torch.equal(first.get_state(), second.get_state())
    assert plain.image.shape == (3, 40, 60)


def test_noise_and_blur_are_the_same_for_the_same_generator():
    augmentation = Augmentation((40, 60), noise=30.0, blur=2.0)
    images = [augmentation(plane_example((0.2, 0.1, -1.0)), torch.Generator().manual_seed(5)).image for _ in range(2)]
    assert torch.equal(*images)


@pytest.mark.parametrize("change", [{"noise": -1.0}, {"noise": 256.0}, {"blur": -0.1}, {"blur": float("nan")}])
def test_no_noise_and_no_blur(change):
    with pytest.raises(ValueError, match=f"augmentation {next(iter(change))} is"):
        Augmentation((40, 60), **change)
