# SPDX-License-Identifier: Apache-2.0
"""Images made worse in the ways a robot's camera makes them worse, each by a stated amount, the same each time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from joint_perception.learning.datasets import DatasetError, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.learning.datasets import Dataset

    Image = npt.NDArray[np.uint8]

ROLLING_CROP = "rolling_crop"
# Where the window stands, in halves of its way down and to the right.
_PLACES = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))
# IEC 61966-2-1: below this the curve of sRGB is a line.
_SRGB_KNEE, _LINEAR_KNEE = 0.04045, 0.0031308


class DegradationError(ValueError):
    """A degradation that does not exist, or a strength that it does not have."""


@dataclass(frozen=True)
class _Kind:
    """A way to make an image worse; its strength lies from `least` to `greatest`."""

    strength: float
    least: float
    greatest: float
    unit: str


KINDS = {
    "noise": _Kind(25.0, 0.0, 255.0, "standard deviation of Gaussian noise, in grey levels of 255"),
    "blur": _Kind(3.0, 0.0, 100.0, "standard deviation of a Gaussian blur, in pixels"),
    "dark": _Kind(0.1, 0.001, 1.0, "share of the light that is left"),
    "jpeg": _Kind(10.0, 1.0, 100.0, "quality of JPEG, 1 to 100"),
    ROLLING_CROP: _Kind(0.5, 0.1, 1.0, "share of the height and the width that is left; the window moves by image"),
}


@dataclass(frozen=True)
class Degradation:
    """A way to make images worse, and by how much.

    Attributes:
        kind: One of `KINDS`.
        strength: In the unit of its kind.
    """

    kind: str
    strength: float

    def __post_init__(self) -> None:
        """Refuse what does not exist.

        Raises:
            DegradationError: No such kind, or a strength outside its range.
        """
        if self.kind not in KINDS:
            raise DegradationError(f"there is no degradation {self.kind!r}; choose one of {', '.join(KINDS)}")
        kind = KINDS[self.kind]
        if not kind.least <= self.strength <= kind.greatest:
            raise DegradationError(
                f"degradation {self.kind!r} has strength {self.strength:g}; it goes from {kind.least:g} to "
                f"{kind.greatest:g} ({kind.unit})"
            )

    def __str__(self) -> str:
        return f"{self.kind}:{self.strength:g}"

    def apply(self, sample: Sample, index: int) -> Sample:
        """A sample made worse.

        Args:
            sample: It is not changed.
            index: Its place in the data set: noise and window are drawn from it.

        Returns:
            The image made worse; annotations as they are, but for `rolling_crop`, which cuts them like the image.
        """
        if self.kind == ROLLING_CROP:
            return _cropped(sample, rolling_window(index, self.strength, *sample.image.shape[:2]))
        return replace(sample, image=_WORSE[self.kind](sample.image, self.strength, index))


def parse_degradation(text: str) -> Degradation:
    """A degradation from `KIND` or `KIND:STRENGTH`.

    Raises:
        DegradationError: No such kind, or no such strength.
    """
    kind, colon, strength = text.partition(":")
    if not colon:
        return Degradation(kind, KINDS[kind].strength if kind in KINDS else math.nan)
    try:
        return Degradation(kind, float(strength))
    except ValueError as error:
        if isinstance(error, DegradationError):
            raise
        raise DegradationError(f"degradation {text!r} has no number after its colon; write {kind}:1.5, say") from error


@dataclass(frozen=True)
class Degraded:
    """A data set whose images are made worse; see `Dataset`.

    Attributes:
        dataset: The data set.
        degradation: How.
    """

    dataset: Dataset
    degradation: Degradation

    @property
    def name(self) -> str:
        """The data set's."""
        return self.dataset.name

    @property
    def split(self) -> str:
        """The data set's."""
        return self.dataset.split

    @property
    def domain(self) -> Domain | None:
        """The data set's."""
        return self.dataset.domain

    @property
    def note(self) -> str:
        """The data set's, and what was done to it."""
        return f"{self.dataset.note}; degraded: {self.degradation}, {KINDS[self.degradation.kind].unit}"

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        """Read a sample and make it worse; raises what the data set raises."""
        return self.degradation.apply(self.dataset[index], index)


def rolling_window(index: int, share: float, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the window that an image is cut to.

    The window rolls round the image from one image to the next, once in eight: from the middle of the upper edge to
    the upper right corner, and on through all corners.
    """
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    down, right = _PLACES[index % len(_PLACES)]
    top, left = round((height - rows) * down / 2), round((width - columns) * right / 2)
    return slice(top, top + rows), slice(left, left + columns)


def _cropped(sample: Sample, window: tuple[slice, slice]) -> Sample:
    def cut(part: Any) -> Any:
        return None if part is None else np.ascontiguousarray(part[window])

    return Sample(cut(sample.image), cut(sample.labels), cut(sample.depth), cut(sample.normals), sample.name)


def _noise(image: Image, strength: float, index: int) -> Image:
    drawn = np.random.default_rng((index, 0x6E6F)).normal(0.0, strength, image.shape)
    noisy: Image = np.clip(np.rint(image + drawn), 0, 255).astype(np.uint8)
    return noisy


def _blur(image: Image, strength: float, _index: int) -> Image:
    if not strength:
        return np.array(image)
    blurred: Image = np.asarray(cv2.GaussianBlur(image, (0, 0), strength), dtype=np.uint8)
    return blurred


def _dark(image: Image, strength: float, _index: int) -> Image:
    # Light adds up in linear values, and grey levels are those of sRGB: a tenth of the light is a third of the level.
    level = np.arange(256) / 255
    linear = np.where(level <= _SRGB_KNEE, level / 12.92, ((level + 0.055) / 1.055) ** 2.4) * strength
    darker = np.where(linear <= _LINEAR_KNEE, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    table: Image = np.rint(255 * darker).astype(np.uint8)
    return np.asarray(table[image])


def _jpeg(image: Image, strength: float, _index: int) -> Image:
    done, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, round(strength)])
    if not done:
        raise DatasetError(f"an image of {image.shape[1]}x{image.shape[0]} cannot be compressed to JPEG")
    bgr = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(bgr, dtype=np.uint8)[..., ::-1])


_WORSE: dict[str, Callable[[Image, float, int], Image]] = {
    "noise": _noise,
    "blur": _blur,
    "dark": _dark,
    "jpeg": _jpeg,
}
