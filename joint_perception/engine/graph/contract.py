# SPDX-License-Identifier: Apache-2.0
"""The contract of a network that comes as a file: what it takes, what it gives, and what that means.

It is a small YAML file beside the network, or, in a file that `joint_perception export` wrote, a part of it.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from joint_perception.domains import DOMAINS, Domain, DomainError, get_domain
from joint_perception.domains.catalogue import voc_color
from joint_perception.domains.domain import VOID_ID
from joint_perception.engine.errors import EngineError
from joint_perception.network.temperatures import GREATEST, LEAST, is_temperature
from joint_perception.strict_yaml import ConfigError, build, read_yaml

Layout = Literal["NCHW", "NHWC"]
CONTRACT_SUFFIXES = (".yaml", ".yml")
MODEL_SUFFIXES = (".onnx", ".xml", ".ts")
_BYTE = 255
_FARTHEST = 100.0  # metres: the depth range of classes of one's own, where none is given


class ContractError(EngineError):
    """A contract that is wrong, or a network that does not keep it."""


@dataclass(frozen=True)
class InputContract:
    """What the network takes.

    Attributes:
        name: Of the input; None where there is but one.
        layout: Order of its axes.
        colors: Order of its channels.
        divisor: The network takes `(pixel / divisor - mean) / std`, pixels being 0..255.
        mean: Per channel, in the order of `colors`.
        std: Per channel, in the order of `colors`.
        size: [width, height] that it takes and no other; None: any, or what the file says.
        multiple_of: Width and height must be multiples of this; an image is resized to the nearest.
    """

    name: str | None = None
    layout: Layout = "NCHW"
    colors: Literal["RGB", "BGR"] = "RGB"
    divisor: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: tuple[int, int] | None = None
    multiple_of: int = 1

    def __post_init__(self) -> None:
        """Refuse what would turn every image into nonsense."""
        if not (math.isfinite(self.divisor) and self.divisor > 0):
            raise ValueError(f"divisor is {self.divisor}; it must be above zero: 255 for an input in 0..1")
        if not all(math.isfinite(number) for number in self.mean):
            raise ValueError(f"mean is {list(self.mean)}; give three finite numbers, in units of pixel / divisor")
        if not all(math.isfinite(number) and number > 0 for number in self.std):
            raise ValueError(f"std is {list(self.std)}; each must be above zero, in units of pixel / divisor")
        if self.multiple_of < 1:
            raise ValueError(f"multiple_of is {self.multiple_of}; it must be 1 (any size) or more")
        if self.size is not None and (min(self.size) < 1 or any(side % self.multiple_of for side in self.size)):
            raise ValueError(
                f"size is {list(self.size)}; give [width, height] in pixels, multiples of {self.multiple_of}"
            )

    @property
    def is_plain(self) -> bool:
        """Whether the network takes pixels as they are."""
        return (self.divisor, self.mean, self.std) == (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class SegmentationContract:
    """The output of classes.

    Attributes:
        name: Of the output.
        kind: `logits` or `probabilities` of each class, or `labels`: ids.
        layout: Order of the axes of logits and probabilities; labels are (N, H, W).
        confidence: Output with the probability of the label, (N, H, W); with labels only. Without it each label
            is taken to be certain.
    """

    name: str
    kind: Literal["logits", "probabilities", "labels"]
    layout: Layout = "NCHW"
    confidence: str | None = None

    def __post_init__(self) -> None:
        """Refuse a confidence that would be given twice."""
        if self.confidence is not None and self.kind != "labels":
            raise ValueError(
                f"confidence is {self.confidence!r} but kind is {self.kind!r}, which tells it already; leave it out"
            )


@dataclass(frozen=True)
class DepthContract:
    """The output of depth: (N, H, W), or that with one channel.

    Attributes:
        name: Of the output.
        kind: `metres`: scale * value + shift; `inverse`: 1 / (scale * value + shift), of disparities; `absolute`:
            metres up to their sign, as the joint network says them.
        scale: See `kind`.
        shift: See `kind`.
    """

    name: str
    kind: Literal["metres", "inverse", "absolute"]
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would make every depth the same."""
        if not math.isfinite(self.scale) or self.scale == 0:
            raise ValueError(f"scale is {self.scale}; it must be a number other than zero: 0.001 for millimetres")
        if not math.isfinite(self.shift):
            raise ValueError(f"shift is {self.shift}; it must be finite")


@dataclass(frozen=True)
class NormalsContract:
    """The output of surface normals in the camera's optical frame, of any length."""

    name: str
    layout: Layout = "NCHW"


@dataclass(frozen=True)
class OutputsContract:
    """What the network gives; other outputs are not read."""

    segmentation: SegmentationContract
    depth: DepthContract
    normals: NormalsContract | None = None


@dataclass(frozen=True)
class ClassContract:
    """A class; its place in the list is its id. Without a colour it gets one of the PASCAL VOC palette."""

    name: str
    color: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        """Refuse a colour that is none."""
        if self.color is not None and not all(0 <= part <= _BYTE for part in self.color):
            raise ValueError(f"color is {list(self.color)}; give [r, g, b], each 0 to 255")


@dataclass(frozen=True)
class Contract:
    """A network's contract.

    Attributes:
        model: The network's file, `.onnx` or OpenVINO's `.xml`; relative to the contract.
        input: What it takes.
        outputs: What it gives.
        domain: `nyud`, `kitti` or `nyud_kitti`; with `classes`, a name of your own.
        classes: Of your own, in the order of their ids; None: those of the domain.
        depth_range: Least and greatest depth in metres that count as measured; None: the domain's, 0 to 100 m for
            classes of your own.
        focal_length: fx in pixels of the camera whose metres the network speaks, for classes of your own.
        image_width: Width in pixels of that camera's images; with a domain of ours, of the images trained on
            where it is not the domain's own.
        temperatures: What logits are divided by before they become a confidence, by domain.
    """

    model: str
    input: InputContract
    outputs: OutputsContract
    domain: str
    classes: tuple[ClassContract, ...] | None = None
    depth_range: tuple[float, float] | None = None
    focal_length: float | None = None
    image_width: int | None = None
    temperatures: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a meaning that is none."""
        for name, value in self.temperatures.items():
            if not is_temperature(value):
                raise ValueError(f"temperatures of {name!r} is {value}; it must be from {LEAST} to {GREATEST}")
        if self.image_width is not None and self.image_width < 1:
            raise ValueError(f"image_width is {self.image_width}; give pixels, above zero")
        if self.focal_length is not None and not (math.isfinite(self.focal_length) and self.focal_length > 0):
            raise ValueError(f"focal_length is {self.focal_length}; give fx in pixels, above zero")
        if self.depth_range is not None and not 0 <= self.depth_range[0] < self.depth_range[1]:
            raise ValueError(f"depth_range is {list(self.depth_range)}; give [min, max] in metres, 0 <= min < max")
        if self.classes is None:
            self._check_known_domain()
        else:
            self._check_classes(self.classes)

    def _check_known_domain(self) -> None:
        if self.domain not in DOMAINS:
            near = difflib.get_close_matches(self.domain, DOMAINS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(DOMAINS)}."
            raise ValueError(f"domain is {self.domain!r} and no classes are listed; {hint} Or list classes of your own")
        if self.focal_length is not None:
            raise ValueError(
                f"focal_length is {self.focal_length} but domain {self.domain!r} has a camera of its own; leave it "
                "out, or list the classes"
            )

    def _check_classes(self, classes: tuple[ClassContract, ...]) -> None:
        names = [given.name for given in classes]
        if not 0 < len(names) < VOID_ID:
            raise ValueError(f"classes are {len(names)}; give 1 to {VOID_ID - 1}: id {VOID_ID} means void")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"classes name {twice[0]!r} twice; each needs a name of its own")
        if self.domain in DOMAINS:
            raise ValueError(
                f"domain is {self.domain!r}, which is one of ours, but classes are listed too; leave the classes out, "
                "or choose a name of your own"
            )
        if (self.focal_length is None) != (self.image_width is None):
            raise ValueError(
                f"focal_length is {self.focal_length} and image_width is {self.image_width}; give both, or neither"
            )

    @property
    def own_domain(self) -> Domain | None:
        """The domain made of `classes`; None where there are none."""
        if self.classes is None:
            return None
        colors = tuple(given.color or voc_color(index + 1) for index, given in enumerate(self.classes))
        names = tuple(given.name for given in self.classes)
        limits = self.depth_range or (0.0, _FARTHEST)
        return Domain(self.domain, names, colors, limits, self.focal_length, self.image_width)

    def domain_called(self, name: str | None, channels: int | None) -> Domain:
        """The domain that labels and depths are read by.

        Args:
            name: None or empty: the contract's own.
            channels: Of logits or probabilities; None where the network gives labels.

        Raises:
            DomainError: The network does not hold that domain.
        """
        name = name or self.domain
        own = self.own_domain
        if own is not None:
            if name != own.name:
                raise DomainError(f"domain {name!r} is not the contract's own, {own.name!r}; leave it out")
            if channels not in (None, own.num_classes):
                raise DomainError(
                    f"contract lists {own.num_classes} classes but the network gives {channels} channels; list one "
                    "class for each"
                )
            return own
        if channels is None and name != self.domain:
            raise DomainError(
                f"domain {name!r} cannot be read from labels decided for {self.domain!r}; export the network for "
                f"{name!r}, or with --processing outside"
            )
        domain = get_domain(name, channels)
        if self.depth_range is not None:
            domain = dataclasses.replace(domain, depth_range=self.depth_range)
        return domain

    def to_json(self) -> str:
        """The contract as it is put into a file, without the file's own name."""
        return json.dumps({key: value for key, value in dataclasses.asdict(self).items() if key != "model"})


def is_graph(path: Path) -> bool:
    """Whether a file of weights is a network by itself, or the contract of one."""
    return path.suffix.lower() in (*MODEL_SUFFIXES, *CONTRACT_SUFFIXES)


def own_class_names(weights: str) -> tuple[str, ...]:
    """The classes that a contract lists; none where the weights are something else, or it cannot be read."""
    path = Path(weights).expanduser()
    if path.suffix.lower() not in CONTRACT_SUFFIXES:
        return ()
    try:
        return tuple(given.name for given in read_contract(path).classes or ())
    except ContractError:  # whoever loads it will say so
        return ()


def read_contract(path: Path) -> Contract:
    """Read a contract's YAML file.

    Raises:
        ContractError: It cannot be read, or a key or a value is wrong; names it, and what would be right.
    """
    try:
        return build(Contract, read_yaml(path), f"contract {str(path)!r}")
    except ConfigError as error:
        raise ContractError(str(error)) from error


def embedded_contract(text: str | None, model: Path) -> Contract:
    """The contract that is part of a network's file.

    Raises:
        ContractError: There is none, or it is damaged.
    """
    if not text:
        raise ContractError(
            f"network {str(model)!r} does not say what it takes and gives, as one by `joint_perception export` does; "
            "write a contract for it (docs/export.md) and give that file"
        )
    try:
        content: Any = json.loads(text)
        content["model"] = model.name
        return build(Contract, content, f"contract in {str(model)!r}")
    except (ValueError, TypeError, AttributeError) as error:
        raise ContractError(f"the contract in {str(model)!r} is damaged: {error}; export the network again") from error
