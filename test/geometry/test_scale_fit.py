# SPDX-License-Identifier: Apache-2.0
"""The factor between predicted and true depth."""

from __future__ import annotations

import numpy as np
import pytest
from planes import depth_of, rays

from joint_perception.geometry import ScaleFit, ScaleFitError, fit_scale, fit_scale_to_ground

RNG = np.random.default_rng(3)
PREDICTED = RNG.uniform(1, 9, (40, 50)).astype(np.float32)


def test_a_factor_is_found():
    fit = fit_scale(PREDICTED, PREDICTED * np.float32(1.3))

    assert fit.scale == pytest.approx(1.3, rel=1e-5)
    assert fit.spread == pytest.approx(0.0, abs=1e-5)
    assert fit.pixels == 2000


def test_noise_shows_in_the_spread_and_outliers_change_nothing():
    noisy = PREDICTED * RNG.normal(0.8, 0.05, PREDICTED.shape).astype(np.float32)
    noisy[:10] *= 20  # a quarter of nonsense

    fit = fit_scale(PREDICTED, noisy)

    assert fit.scale == pytest.approx(0.8, rel=0.1)
    assert 0.03 < fit.spread < 0.12


@pytest.mark.parametrize("nothing", [np.nan, np.inf, 0.0, -1.0])
def test_pixels_without_depth_do_not_count(nothing):
    reference = PREDICTED * 2
    reference[:20] = nothing
    predicted = PREDICTED.copy()
    predicted[20:25] = np.nan

    fit = fit_scale(predicted, reference)

    assert (fit.scale, fit.pixels) == (pytest.approx(2.0), 15 * 50)


def test_too_few_pixels_are_refused():
    reference = np.full_like(PREDICTED, np.nan)
    reference[0] = 1.0

    with pytest.raises(ScaleFitError, match="only 50 pixels"):
        fit_scale(PREDICTED, reference)


def test_other_shapes_are_refused():
    with pytest.raises(ScaleFitError, match=r"\(40, 50\) but the reference is \(20, 50\)"):
        fit_scale(PREDICTED, PREDICTED[:20])


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_the_height_of_the_camera_gives_the_scale(factor):
    points = rays() * depth_of((0.0, -0.96, -0.28), 1.2)[..., None] * factor
    xyz = points[np.isfinite(points).all(axis=2)].astype(np.float32)

    fit = fit_scale_to_ground(xyz, 1.2)

    assert fit.scale == pytest.approx(1 / factor, rel=1e-3)
    assert fit.spread < 1e-3


def test_without_a_plane_there_is_no_scale():
    with pytest.raises(ScaleFitError, match="7 points of the ground lie on no plane"):
        fit_scale_to_ground(np.ones((7, 3), np.float32), 1.2)


def test_images_count_alike_and_their_differences_are_the_spread():
    fits = [ScaleFit(1.0, 0.5, 10), ScaleFit(1.2, 0.5, 100_000), ScaleFit(1.4, 0.5, 10)]

    pooled = ScaleFit.pooled(fits)

    assert (pooled.scale, pooled.pixels) == (1.2, 100_020)
    assert pooled.spread == pytest.approx(1.4826 * 0.2)
    assert ScaleFit.pooled(fits[:1]) == fits[0]
    with pytest.raises(ScaleFitError, match="no image"):
        ScaleFit.pooled([])
