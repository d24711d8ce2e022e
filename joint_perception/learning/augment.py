# SPDX-License-Identifier: Apache-2.0
"""Augmentation that keeps image, labels, depth and normals together.

Each annotation is a tensor type of its own, with its own kernels for torchvision's `transforms.v2.functional`: what
scaling or mirroring does to a depth or to a normal is written down once, and any transform of torchvision's that
resizes, flips, pads or crops does it.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as nn_functional

from joint_perception.domains.domain import VOID_ID

if TYPE_CHECKING:
    from joint_perception.learning.datasets import Example

_SCHEMAS = tuple(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms"))


def _declare_missing_operators() -> torch.library.Library | None:
    """Let torchvision be imported beside a torch that its compiled half is not for.

    There are CPU builds of torch without one of torchvision. Its CUDA build then stops at missing operators, nms
    and qnms, although nothing here needs them: declared, they do not stop it.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None  # the import below says it best
    try:
        for compiled in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(str(compiled))  # type: ignore[no-untyped-call]
            return None
    except OSError:
        pass
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


_LIBRARY = _declare_missing_operators()  # kept: the declaration lives as long as this does

from torchvision import tv_tensors  # type: ignore[import-untyped]  # noqa: E402 (after the operators)
from torchvision.transforms.v2 import functional  # type: ignore[import-untyped]  # noqa: E402

_LEAST_BLUR = 0.1  # pixels; below it nothing is blurred
_MEAN_COLOR = [124.0, 116.0, 104.0]  # ImageNet's: zero after normalisation


class LabelMap(tv_tensors.Mask):  # type: ignore[misc]
    """(..., H, W) class ids, 255 where void."""


class DepthMap(tv_tensors.Mask):  # type: ignore[misc]
    """(..., H, W) metres seen by a camera that stays the same, NaN where there is none.

    An image enlarged s times shows that camera a world whose things are s times nearer.
    """


class NormalMap(tv_tensors.Mask):  # type: ignore[misc]
    """(..., 3, H, W) unit vectors in the optical frame of a camera that stays the same, NaN where there is none.

    The world of an image enlarged s times, seen by the same camera, is s times flatter: a point (X, Y, Z) becomes
    (X, Y, Z / s), and a normal (x, y, z) becomes (x, y, s z), to be normalised again.
    """


def _nearest(x: Tensor, size: list[int]) -> Tensor:
    # nearest-exact: plain nearest would move the annotations half a pixel against the image. Nothing is mixed.
    planes = x.as_subclass(Tensor).reshape(1, -1, *x.shape[-2:])
    return nn_functional.interpolate(planes, size, mode="nearest-exact").reshape(*x.shape[:-2], *size)


def _enlargement(x: Tensor, size: list[int]) -> float:
    return math.sqrt(size[0] * size[1] / (x.shape[-2] * x.shape[-1]))


def _resize_labels(labels: LabelMap, size: list[int], **_: Any) -> LabelMap:
    return LabelMap(_nearest(labels, size))


def _resize_depth(depth: DepthMap, size: list[int], **_: Any) -> DepthMap:
    return DepthMap(_nearest(depth, size) / _enlargement(depth, size))


def _resize_normals(normals: NormalMap, size: list[int], **_: Any) -> NormalMap:
    vectors = _nearest(normals, size)
    vectors[..., 2, :, :] *= _enlargement(normals, size)
    # Not functional.normalize: over the first of three dimensions it takes 60 times as long.
    return NormalMap(vectors * vectors.square().sum(dim=-3, keepdim=True).rsqrt())


def _mirror_normals(normals: NormalMap) -> NormalMap:
    vectors = normals.as_subclass(Tensor).flip(-1)
    vectors[..., 0, :, :] *= -1
    return NormalMap(vectors)


functional.register_kernel(functional.resize, LabelMap)(_resize_labels)
functional.register_kernel(functional.resize, DepthMap)(_resize_depth)
functional.register_kernel(functional.resize, NormalMap)(_resize_normals)
functional.register_kernel(functional.horizontal_flip, NormalMap)(_mirror_normals)


@dataclass(frozen=True)
class Augmentation:
    """Random scale, crop and mirror of an example, and colour jitter of its image.

    Attributes:
        size: (height, width) of what comes out.
        scale: Least and greatest enlargement, drawn with a uniform logarithm. Depth is divided by it. A
            window of the image becomes the result; where it is larger than the image, the rest is void and NaN.
        mirror: Probability of mirroring left and right.
        brightness: Factors are drawn from 1 - brightness to 1 + brightness.
        contrast: As brightness.
        saturation: As brightness.
        hue: Shift of the hue, drawn from -hue to hue, in turns of the colour circle; at most 0.5.
        noise: Greatest standard deviation of Gaussian noise in grey levels of 255, drawn from 0 to it. A network
            that never saw noise is sure of what it sees in it: docs/robustness.md.
        blur: Greatest standard deviation of a Gaussian blur in pixels, drawn from 0 to it; before the noise.
    """

    size: tuple[int, int]
    scale: tuple[float, float] = (0.5, 2.0)
    mirror: float = 0.5
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 0.03
    noise: float = 0.0
    blur: float = 0.0

    _DRAWS: ClassVar[int] = 8  # random numbers an example takes, whatever they are used for

    def __post_init__(self) -> None:
        """Refuse ranges that are none.

        Raises:
            ValueError: A value outside its range, which the message names.
        """
        if min(self.size) < 1 or not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"augmentation to size {self.size} at scale {self.scale}; need sizes and scales above 0")
        limits = {"mirror": 1.0, "brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}
        limits |= {"noise": 255.0, "blur": 20.0}
        for name, limit in limits.items():
            if not 0 <= getattr(self, name) <= limit:
                raise ValueError(f"augmentation {name} is {getattr(self, name)}; it must be from 0 to {limit:g}")

    def __call__(self, example: Example, generator: torch.Generator | None = None) -> Example:
        """Augment an example.

        Args:
            example: What to augment; it is left as it is.
            generator: Source of the randomness: the same state gives the same result. None: torch's own.
        """
        draws = torch.rand(self._DRAWS, generator=generator, dtype=torch.float64).tolist()
        scale, down, across, mirror, *colors = draws
        low, high = self.scale
        image = tv_tensors.Image(example.image)
        window = self._window(image.shape[-2:], low * (high / low) ** scale, down, across)
        mirrored = mirror < self.mirror
        labels, depth, normals = (
            None if value is None else self._reshape(kind(value), fill, window, mirrored=mirrored)
            for kind, value, fill in (
                (LabelMap, example.labels, VOID_ID),
                (DepthMap, example.depth, math.nan),
                (NormalMap, example.normals, math.nan),
            )
        )
        pixels = self._jitter(self._reshape(image, _MEAN_COLOR, window, mirrored=mirrored), colors)
        if self.noise or self.blur:
            pixels = self._degrade(pixels, generator)
        return replace(example, image=pixels, labels=labels, depth=depth, normals=normals)

    def _window(self, size: tuple[int, int], scale: float, down: float, across: float) -> tuple[int, int, int, int]:
        """Top, left, height and width in the image of what becomes the result; it may reach beyond the image."""
        height, width = (max(1, round(wanted / scale)) for wanted in self.size)
        # From one end of the image to the other; an image smaller than the window lies somewhere inside it.
        top, left = (
            math.floor(draw * (abs(free) + 1)) + min(free, 0)
            for draw, free in ((down, size[0] - height), (across, size[1] - width))
        )
        return top, left, height, width

    def _reshape(self, x: Any, fill: Any, window: tuple[int, int, int, int], *, mirrored: bool) -> Tensor:
        top, left, height, width = window
        rows, columns = x.shape[-2:]
        margins = [max(0, -left), max(0, -top), max(0, left + width - columns), max(0, top + height - rows)]
        x = functional.crop(
            x,
            max(0, top),
            max(0, left),
            min(rows, top + height) - max(0, top),
            min(columns, left + width) - max(0, left),
        )
        if any(margins):
            x = functional.pad(x, margins, fill=fill)
        x = functional.resize(x, list(self.size), antialias=True)
        if mirrored:
            x = functional.horizontal_flip(x)
        result: Tensor = x.as_subclass(Tensor).contiguous()
        return result

    def _jitter(self, image: Tensor, draws: list[float]) -> Tensor:
        brightness, contrast, saturation, hue = (2 * draw - 1 for draw in draws)
        if self.brightness:
            image = functional.adjust_brightness(image, 1 + self.brightness * brightness)
        if self.contrast:
            image = functional.adjust_contrast(image, 1 + self.contrast * contrast)
        if self.saturation:
            image = functional.adjust_saturation(image, 1 + self.saturation * saturation)
        if self.hue:
            image = functional.adjust_hue(image, self.hue * hue)
        return image

    def _degrade(self, image: Tensor, generator: torch.Generator | None) -> Tensor:
        # Drawn only where it is asked for: without, the random numbers are those that they were.
        blur, noise = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        sigma = self.blur * blur
        if sigma > _LEAST_BLUR:
            image = functional.gaussian_blur(image, [2 * math.ceil(3 * sigma) + 1] * 2, [sigma, sigma])
        if self.noise:
            drawn = torch.randn(image.shape, generator=generator) * (self.noise * noise)
            image = (image + drawn).round_().clamp_(0, 255).to(torch.uint8)
        return image
