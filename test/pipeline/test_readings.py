# SPDX-License-Identifier: Apache-2.0
"""How parameters become the reading of a frame."""

from __future__ import annotations

import numpy as np
import pytest

from joint_perception.domains import KITTI
from joint_perception.engine import Frame, load_engine
from joint_perception.geometry import Pinhole
from joint_perception.pipeline.parameter_table import BY_NAME
from joint_perception.pipeline.readings import reading_for

FX = 360.75  # half of KITTI's
FRAME = Frame(np.zeros((48, 64, 3), np.uint8), Pinhole(FX, FX, 32.0, 24.0, 64, 48))


@pytest.fixture(scope="module")
def engine(checkpoints):
    return load_engine(str(checkpoints(46)), "kitti", "cpu")


def reading(engine, frame=FRAME, **changes):
    settings = {name: spec.default for name, spec in BY_NAME.items()}
    settings |= {name.replace("__", "."): value for name, value in changes.items()}
    return reading_for(engine, settings, frame)


def test_half_the_focal_length_is_half_the_depth(engine):
    found = reading(engine)

    assert found.domain.name == "kitti"
    assert found.depth_scale == pytest.approx(0.5)
    # The network is believed at the same pixels, whatever the lens.
    assert found.limits == pytest.approx((KITTI.depth_range[0] / 2, 40.0))


def test_factors_multiply_and_limits_that_are_set_stand(engine):
    found = reading(engine, depth__scale=3.0, depth__min=0.5, depth__max=7.0)

    assert found.depth_scale == pytest.approx(1.5)
    assert found.limits == (0.5, 7.0)


def test_a_correction_can_be_off_or_a_number(engine):
    assert reading(engine, depth__focal_correction="off").depth_scale == 1.0
    assert reading(engine, depth__focal_correction=0.8).depth_scale == 0.8


def test_without_a_camera_or_a_training_camera_there_is_no_correction(engine):
    assert reading(engine, Frame(FRAME.image)).depth_scale == 1.0
    assert reading(engine, domain="nyud_kitti").depth_scale == 1.0


def test_the_network_sees_other_pixels_at_another_size(checkpoints):
    small = load_engine(str(checkpoints(6)), "kitti", "cpu", (32, 32))

    assert reading(small).depth_scale == pytest.approx(0.25)


def test_domain_and_confidence_are_the_parameters(engine):
    found = reading(engine, domain="nyud", min_confidence=0.3)

    assert (found.domain.name, found.min_confidence) == ("nyud", 0.3)
    assert found.depth_scale == pytest.approx(FX / 518.86)
