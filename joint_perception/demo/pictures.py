# SPDX-License-Identifier: Apache-2.0
"""Moments of the demonstration as pictures for a person: image, labels and depth, beside the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from joint_perception.domains.overlay import overlay
from joint_perception.engine import Frame, Prediction
from joint_perception.offline.panel import draw_panel, view_from_above

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from joint_perception.demo.playback import Moment
    from joint_perception.domains import Domain
    from joint_perception.geometry import Cloud

    Picture = npt.NDArray[np.uint8]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK, _PAPER = (235, 235, 235), (24, 24, 24)
_TITLE, _GAP, _ROW, _MARGIN = 22, 4, 20, 10  # pixels
_BAR = 14  # pixels, height of the scale of depths
_WIDE = 2.0  # aspect ratio from which tiles stand one above the other
_LOW = 120  # pixels, height of the legend below wide images
_PERCENTILES = (1.0, 99.0, 95.0)


class Sketcher:
    """Draws moments alike: the same colours and the same scale of depth, so that they can be compared.

    Args:
        domain: What the node's labels mean.
        true_domain: What the true labels mean; None: there is no truth.
        scale: Depths in metres at the red and the blue end of the scale, and at the far edge of the view from above.
        legend: What the legend names, with their sRGB colours.
    """

    def __init__(
        self,
        domain: Domain,
        true_domain: Domain | None,
        scale: tuple[float, float, float],
        legend: Mapping[str, tuple[int, int, int]],
    ) -> None:
        self._domain, self._true_domain = domain, true_domain
        self._near, self._far, self._reach = scale
        self._classes = legend

    def panel(self, moment: Moment) -> Picture:
        """All that came of a moment that has a cloud, and the truth below it where it is known.

        Raises:
            ValueError: It has no cloud.
        """
        if moment.cloud is None:
            raise ValueError("a panel shows the cloud, too; give a moment that has one")
        if moment.true_labels is not None:
            return self.compare(moment)
        prediction = Prediction(moment.labels, moment.depth, moment.cloud.confidence)
        return draw_panel(Frame(moment.image), prediction, moment.cloud, self._domain)

    def compare(self, moment: Moment) -> Picture:
        """Draw image, labels over the image, depth and a legend; and the truth below, and clouds, where there are.

        All moments of one size, with the same parts, give pictures of one size.
        """
        height, width = moment.labels.shape
        upper = {
            "image": moment.image,
            "labels": self._labels(moment, moment.labels, self._domain),
            "depth": self._depth(moment.depth),
        }
        if self._true_domain is None or moment.true_labels is None or moment.true_depth is None:
            wide = width / height > _WIDE
            upper[""] = self._legend(min(height, _LOW) if wide else height, width)
            return _grid(upper, 1 if wide else 2)
        lower = {
            "": self._legend(height, width),
            "true labels": self._labels(moment, moment.true_labels, self._true_domain),
            "true depth": self._depth(moment.true_depth),
        }
        if moment.cloud is not None and moment.true_cloud is not None:
            title = f"points from above, {self._reach:.0f} m deep"
            upper[title] = self._above(moment.cloud, moment.labels, self._domain)
            lower["true points from above"] = self._above(moment.true_cloud, moment.true_labels, self._true_domain)
        return _grid(upper | lower, len(upper))

    def _labels(self, moment: Moment, labels: npt.NDArray[np.uint8], domain: Domain) -> Picture:
        return overlay(moment.image, domain.colorize(labels), labels, 0.6)

    def _above(self, cloud: Cloud, labels: npt.NDArray[np.uint8], domain: Domain) -> Picture:
        height, width = labels.shape
        return view_from_above(cloud, domain.colorize(labels), (height, width), self._reach)

    def _depth(self, depth: npt.NDArray[np.float32]) -> Picture:
        valid = np.isfinite(depth)
        metres = np.clip(np.where(valid, depth, self._near), self._near, self._far)
        share = np.log(metres / self._near) / np.log(self._far / self._near)
        picture = _turbo(1 - share)
        picture[~valid] = 0
        return picture

    def _legend(self, height: int, width: int) -> Picture:
        picture = np.full((height, width, 3), _PAPER, np.uint8)
        bar_width = width - 2 * _MARGIN
        picture[_MARGIN : _MARGIN + _BAR, _MARGIN : _MARGIN + bar_width] = _turbo(np.linspace(1, 0, bar_width)[None])
        _write(picture, f"{self._near:.1f} m", (_MARGIN, _MARGIN + _BAR + 14))
        _write(picture, "black: none", (width // 2 - 36, _MARGIN + _BAR + 14))
        far = f"{self._far:.1f} m"
        _write(picture, far, (width - _MARGIN - _text_width(far), _MARGIN + _BAR + 14))
        top = _MARGIN + _BAR + 24
        rows = max(1, (height - top) // _ROW)
        column_width = max(100, (width - _MARGIN) // max(1, -(-len(self._classes) // rows)))
        for place, (name, color) in enumerate(self._classes.items()):
            x, y = _MARGIN + place // rows * column_width, top + place % rows * _ROW
            cv2.rectangle(picture, (x, y), (x + 12, y + 12), color, -1)
            _write(picture, name, (x + 17, y + 11))
        return picture


def scale_of(depths: Collection[npt.NDArray[np.float32]], domain: Domain) -> tuple[float, float, float]:
    """The scale that suits all these depth images: 1st, 99th, 95th percentile in metres, within the domain's range."""
    values = np.concatenate([depth[np.isfinite(depth)] for depth in depths])
    if not values.size:
        return domain.depth_range[0], domain.depth_range[1], domain.depth_range[1]
    near, far, reach = (float(p) for p in np.percentile(np.clip(values, *domain.depth_range), _PERCENTILES))
    return near, max(far, near * 1.01), max(reach, near * 1.01)


def fitted(picture: Picture, width: int) -> Picture:
    """A picture made smaller, where it is wider than that."""
    if picture.shape[1] <= width:
        return picture
    height = round(picture.shape[0] * width / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _turbo(share: npt.NDArray[np.floating]) -> Picture:
    turbo = cv2.applyColorMap(np.rint(255 * share).astype(np.uint8), cv2.COLORMAP_TURBO)
    return np.asarray(cv2.cvtColor(turbo, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _grid(tiles: dict[str, Picture], columns: int) -> Picture:
    drawn = [_tile(title, picture) for title, picture in tiles.items()]
    return np.vstack([np.hstack(drawn[i : i + columns]) for i in range(0, len(drawn), columns)])


def _tile(title: str, picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    tile = np.full((height + _TITLE + _GAP, width + _GAP, 3), _PAPER, np.uint8)
    tile[_TITLE : _TITLE + height, :width] = picture
    _write(tile, title, (4, _TITLE - 7))
    return tile


def _write(picture: Picture, text: str, at: tuple[int, int]) -> None:
    cv2.putText(picture, text, at, _FONT, 0.42, _INK, 1, cv2.LINE_AA)


def _text_width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, 0.42, 1)[0][0])
