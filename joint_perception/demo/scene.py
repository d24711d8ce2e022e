# SPDX-License-Identifier: Apache-2.0
"""A street drawn by formula, for machines that have no picture at hand."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def draw_street(width: int = 640, height: int = 384) -> npt.NDArray[np.uint8]:
    """Draw a street with sky, houses, trees and cars.

    Args:
        width: Width in pixels.
        height: Height in pixels.

    Returns:
        (height, width, 3) uint8 RGB, the same at each call.
    """
    horizon, middle = int(0.45 * height), width // 2
    fade = np.linspace(0, 1, horizon)[:, None]
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:horizon] = ((1 - fade) * (95, 145, 215) + fade * (205, 220, 235)).astype(np.uint8)[:, None]
    picture[horizon:] = (112, 132, 84)

    def polygon(points: list[tuple[float, float]], color: tuple[int, int, int]) -> None:
        corners = np.rint(np.array(points) * (width, height)).astype(np.int32)
        cv2.fillPoly(picture, [corners], color, cv2.LINE_AA)

    polygon([(0.47, 0.45), (0.53, 0.45), (1.1, 1.0), (-0.1, 1.0)], (150, 146, 142))  # pavements
    polygon([(0.48, 0.45), (0.52, 0.45), (0.92, 1.0), (0.08, 1.0)], (84, 84, 88))  # road
    for near in np.geomspace(0.04, 1.0, 9):  # lane marks, evenly spaced in depth
        y = 0.45 + 0.55 * near
        polygon([(0.5 - 0.008 * near, y), (0.5 + 0.008 * near, y), (0.5, y - 0.035 * near)], (226, 226, 214))
    walls = ((172, 122, 98), (198, 182, 152), (142, 140, 150), (186, 148, 112))
    for side in (-1, 1):
        for index, depth in enumerate((0.95, 0.6, 0.38, 0.25)):  # nearest first in place, painted last below
            _house(picture, middle + side * width * (0.16 + 0.5 * depth), horizon, depth, side, walls[index], width)
    for x, size in ((0.30, 0.05), (0.66, 0.07), (0.14, 0.11)):
        base = horizon + int(size * height)
        cv2.rectangle(picture, _at(x * width - 3, base - 3 * size * height), _at(x * width + 3, base), (88, 66, 48), -1)
        for dx, dy in ((-0.4, 0), (0.4, 0), (0, -0.5), (0, 0.2)):
            center = _at((x + dx * size) * width, base + (dy - 3.2) * size * height)
            cv2.circle(picture, center, int(0.6 * size * width), (62, 104 + int(300 * size), 48), -1, cv2.LINE_AA)
    for x, y, size, color in ((0.60, 0.56, 0.05, (168, 32, 36)), (0.36, 0.66, 0.09, (36, 62, 140))):
        polygon([(x - size, y), (x + size, y), (x + size, y - size), (x - size, y - size)], color)
        roof = [(x - 0.7 * size, y - size), (x + 0.7 * size, y - size), (x + 0.5 * size, y - 1.7 * size)]
        polygon([*roof, (x - 0.5 * size, y - 1.7 * size)], (44, 52, 62))
        for wheel in (-0.6, 0.6):
            center = _at((x + wheel * size) * width, y * height)
            cv2.circle(picture, center, max(2, int(0.22 * size * width)), (20, 20, 22), -1, cv2.LINE_AA)
    noise = np.random.default_rng(7).normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _house(
    picture: npt.NDArray[np.uint8],
    x: float,
    horizon: int,
    depth: float,
    side: int,
    color: tuple[int, int, int],
    width: int,
) -> None:
    half, top, bottom = 0.14 * depth * width, horizon * (1 - 0.95 * depth), horizon * (1 + 0.35 * depth)
    cv2.rectangle(picture, _at(x - half, top), _at(x + half, bottom), color, -1)
    pane = half / 5
    for row in np.arange(top + pane, bottom - 2 * pane, 3 * pane):
        for column in np.arange(x - half + pane, x + half - pane, 3 * pane):
            cv2.rectangle(picture, _at(column, row), _at(column + pane, row + 1.5 * pane), (58, 70, 86), -1)
    edge = x - side * half
    cv2.line(picture, _at(edge, top), _at(edge, bottom), (40, 36, 34), 1, cv2.LINE_AA)


def _at(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)
