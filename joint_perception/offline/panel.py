# SPDX-License-Identifier: Apache-2.0
"""A picture for a person: image, labels, depth and cloud side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from joint_perception.domains.overlay import overlay

if TYPE_CHECKING:
    from joint_perception.domains import Domain
    from joint_perception.engine import Frame, Prediction
    from joint_perception.geometry import Cloud

    Picture = npt.NDArray[np.uint8]

__all__ = ["depth_picture", "draw_panel", "overlay", "view_from_above"]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK, _PAPER, _EMPTY = (235, 235, 235), (24, 24, 24), (48, 48, 48)
_TITLE, _GAP, _ROW = 26, 6, 22  # pixels
_WIDE = 2.0  # aspect ratio from which tiles stand one above the other
_SHARE_SHOWN = 0.002  # of the image, from which a class gets into the legend
_NEAR_PERCENTILE, _FAR_PERCENTILE = 1.0, 99.0


def draw_panel(frame: Frame, prediction: Prediction, cloud: Cloud, domain: Domain, note: str = "") -> Picture:
    """Draw a frame and what became of it.

    Args:
        frame: The frame.
        prediction: Its prediction.
        cloud: Its cloud.
        domain: What the labels mean.
        note: Whatever else the reader must know; stands above the labels.

    Returns:
        (H', W', 3) uint8 RGB: image, labels over the image with their legend, depth with its scale in metres,
        and the cloud seen from above.
    """
    height, width = prediction.labels.shape
    colors = domain.colorize(prediction.labels)
    depth, (near, far) = depth_picture(prediction.depth)
    above = view_from_above(cloud, colors, (height, width), far)
    tiles = [
        _titled("image", frame.image),
        _titled(f"labels {note}", overlay(frame.image, colors, prediction.labels)),
        _titled(f"depth, {near:.1f} to {far:.1f} m (near is red; black: no measurement)", depth),
        _titled(f"points from above, {far:.1f} m deep", above),
    ]
    columns = 1 if width / height > _WIDE else 2
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack([*rows, _legend(prediction.labels, domain, rows[0].shape[1])])


def depth_picture(
    depth: npt.NDArray[np.float32], limits: tuple[float, float] | None = None
) -> tuple[Picture, tuple[float, float]]:
    """Colour a depth image for a person, on a logarithmic scale.

    Args:
        depth: (H, W) float32 metres, NaN where there is no measurement.
        limits: Depths in metres at the two ends of the scale, both above zero; None: the 1st and 99th percentile of
            this image. For the eye only: that scale differs from image to image.

    Returns:
        (H, W, 3) uint8 RGB, near red, far blue, no measurement black; and the depths at the two ends of the scale.
    """
    valid = np.isfinite(depth)
    if not valid.any():
        return np.zeros((*depth.shape, 3), np.uint8), limits or (0.0, 0.0)
    near, far = limits or (float(p) for p in np.percentile(depth[valid], (_NEAR_PERCENTILE, _FAR_PERCENTILE)))
    scale = np.log(np.maximum(far, near * 1.01) / near)
    share = np.log(np.where(valid, np.clip(depth, near, far), near) / near) / scale
    turbo = cv2.applyColorMap(np.rint(255 * (1 - share)).astype(np.uint8), cv2.COLORMAP_TURBO)
    picture = np.asarray(cv2.cvtColor(turbo, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    picture[~valid] = 0
    return picture, (near, far)


def view_from_above(cloud: Cloud, colors: Picture, size: tuple[int, int], far: float) -> Picture:
    """Look down on a cloud, the camera at the lower edge.

    Args:
        cloud: The cloud.
        colors: (H, W, 3) uint8 RGB of its points.
        size: (height, width) of the picture.
        far: Depth in metres at the upper edge.

    Returns:
        A picture of that size; of the points in one pixel the highest is seen.
    """
    height, width = size
    picture = np.full((height, width, 3), _EMPTY, np.uint8)
    if far <= 0:
        return picture
    pixels_per_metre = (height - 1) / far
    valid = cloud.valid & (cloud.xyz[..., 2] <= far)
    x, y, z = (cloud.xyz[valid][:, axis] for axis in range(3))
    order = np.argsort(-y, kind="stable")  # y points down: the highest is painted last
    column = np.rint(width / 2 + x[order] * pixels_per_metre).astype(int)
    row = np.rint(height - 1 - z[order] * pixels_per_metre).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0)
    picture[row[inside], column[inside]] = colors[valid][order][inside]
    return picture


def _titled(title: str, picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    tile = np.full((height + _TITLE + _GAP, width + _GAP, 3), _PAPER, np.uint8)
    tile[_TITLE : _TITLE + height, :width] = picture
    scale = min(0.5, 0.5 * width / max(1, cv2.getTextSize(title, _FONT, 0.5, 1)[0][0] + 8))
    cv2.putText(tile, title, (4, _TITLE - 9), _FONT, scale, _INK, 1, cv2.LINE_AA)
    return tile


def _legend(labels: npt.NDArray[np.uint8], domain: Domain, width: int) -> Picture:
    counts = np.bincount(labels.ravel(), minlength=256)
    seen = [i for i in np.argsort(-counts) if i < domain.num_classes and counts[i] >= _SHARE_SHOWN * labels.size]
    shares = [100 * counts[i] / labels.size for i in seen]
    entries = [
        f"{domain.class_names[i]} {share:.0f} %" if share >= 1 else f"{domain.class_names[i]} <1 %"
        for i, share in zip(seen, shares, strict=True)
    ]
    widths = [cv2.getTextSize(text, _FONT, 0.45, 1)[0][0] + 34 for text in entries]
    places, x, row = [], 4, 0
    for wide in widths:
        if x + wide > width and x > 4:  # noqa: PLR2004
            x, row = 4, row + 1
        places.append((x, row))
        x += wide
    strip = np.full(((row + 1) * _ROW + _GAP, width, 3), _PAPER, np.uint8)
    for i, text, (left, line) in zip(seen, entries, places, strict=True):
        top = line * _ROW + 4
        cv2.rectangle(strip, (left, top), (left + 14, top + 14), domain.palette[i].tolist(), -1)
        cv2.putText(strip, text, (left + 19, top + 12), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    return strip
