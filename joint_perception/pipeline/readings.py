# SPDX-License-Identifier: Apache-2.0
"""How the network's outputs are read for a camera, as its parameters say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from joint_perception.geometry import focal_factor

if TYPE_CHECKING:
    from joint_perception.domains import Domain
    from joint_perception.engine import Engine, Frame, Reading
    from joint_perception.pipeline.settings import Settings


def reading_for(engine: Engine, settings: Settings, frame: Frame) -> Reading:
    """The reading of a frame.

    Args:
        engine: Whose outputs are read.
        settings: Of the camera.
        frame: With its camera.

    Returns:
        Its limits, where none are set, are the domain's times the factor: the pixels that the network can
        be believed at are the same, whatever the lens.

    Raises:
        DomainError: The network does not hold the domain.
    """
    plain = engine.reading(settings["domain"] or None)
    scale = settings["depth.scale"] * focal_correction(engine, plain.domain, settings["depth.focal_correction"], frame)
    low, high = plain.domain.depth_range
    limits = (settings["depth.min"] or low * scale, settings["depth.max"] or high * scale)
    return replace(plain, depth_scale=scale, depth_range=limits, min_confidence=settings["min_confidence"])


def focal_correction(engine: Engine, domain: Domain, setting: str | float, frame: Frame) -> float:
    """The factor on the depth for the lens of a frame's camera.

    Args:
        engine: Whose network was trained with another lens.
        domain: In which it speaks.
        setting: `auto`, `off` or a factor.
        frame: With its camera; without one, and where the network learnt from several cameras, auto is 1.
    """
    if not isinstance(setting, str):
        return setting
    trained = engine.training_focal_length(domain)
    if setting == "off" or trained is None or frame.camera is None:
        return 1.0
    width = engine.network_size[1] if engine.network_size else frame.image.shape[1]
    return focal_factor(frame.camera, width, trained)
