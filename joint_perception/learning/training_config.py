# SPDX-License-Identifier: Apache-2.0
"""What a training consists of: the keys of its YAML file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from joint_perception.domains import get_domain
from joint_perception.learning.augment import Augmentation  # noqa: TC001 (`build` looks at the types)
from joint_perception.learning.datasets import DATASETS
from joint_perception.strict_yaml import ConfigError, build, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Modality = Literal["segm", "depth", "normal"]


@dataclass(frozen=True)
class NetworkConfig:
    """The network and where it starts.

    Attributes:
        classes: Channels of the segmentation head: 46 holds NYUD and KITTI.
        tasks: 2 (segmentation, depth) or 3 (and normals).
        init: `he` for random weights, else a name or a file of weights.
        depth_bias: What the depth head says at first, in metres, with `he`. Near the mean depth of the data; at zero
            the loss, which has a ReLU, would have no gradient.
        freeze_batch_norm: Leave the statistics of batch normalisation as they are, and normalise by them.
    """

    classes: int
    tasks: int = 3
    init: str = "he"
    depth_bias: float = 3.0
    freeze_batch_norm: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no network."""
        if self.classes < 1 or self.tasks not in (2, 3):
            raise ValueError(f"{self.classes} classes and {self.tasks} tasks; need 1 or more, and 2 or 3")


@dataclass(frozen=True)
class DataConfig:
    """A data set, and how many of its images stand in each batch.

    Attributes:
        dataset: One of `learning.datasets.DATASETS`.
        images: Images of it in each batch.
        root: Its folder; `--root NAME=DIR` of the command goes before.
        split: Its part.
        domain: What its images show, where the data set does not say it: `folder` has no labels.
        limit: Use the first so many samples only.
        pseudo: Modality to the folder that `joint_perception distill` wrote: what a sample lacks comes from there.
        keep: Modality to the share of the samples that keep it, as if the others had never been annotated. Smaller
            shares are parts of greater ones, and the same samples are first in every modality.
        complete_only: Use only the samples that keep every modality in `keep`.
        size: (height, width) of what a synthetic world renders.
        views: Images of each synthetic world; making a street takes longer than seeing it.
        cache: Folder where rendered images are kept; None: they are rendered anew.
    """

    dataset: str
    images: int
    root: str | None = None
    split: str = "train"
    domain: str | None = None
    limit: int | None = None
    pseudo: dict[Modality, str] = field(default_factory=dict)
    keep: dict[Modality, float] = field(default_factory=dict)
    complete_only: bool = False
    size: tuple[int, int] = (240, 320)
    views: int = 1
    cache: str | None = None

    def __post_init__(self) -> None:
        """Refuse names and numbers that mean nothing."""
        _check_dataset(self.dataset)
        if self.domain is not None:
            get_domain(self.domain)
        if min(self.images, self.views, *self.size) < 1 or (self.limit is not None and self.limit < 1):
            raise ValueError("images, views, size and limit must be at least 1")
        if self.views > 1 and self.cache is None:
            raise ValueError(
                f"views is {self.views} without a cache: each view would make its world anew; name a cache"
            )
        for modality, share in self.keep.items():
            if not 0 <= share <= 1:
                raise ValueError(f"keep {modality} is {share}; a share is from 0 to 1")


@dataclass(frozen=True)
class LossConfig:
    """What the loss of each head counts; 0 leaves a head untrained.

    Attributes:
        segm: Weight of the cross-entropy.
        depth: Weight of the berHu loss.
        normal: Weight of 1 - cos.
        depth_error: Of the berHu loss, in `metres`, as in the paper; or `relative` to the depth itself, where data of
            quite different depths are trained on together: those of a street would drown all else in metres.
    """

    segm: float = 0.5
    depth: float = 0.5
    normal: float = 0.5
    depth_error: Literal["metres", "relative"] = "metres"

    def __post_init__(self) -> None:
        """Refuse what would train nothing, or away from the data."""
        if min(self.segm, self.depth, self.normal) < 0 or not self.segm + self.depth + self.normal:
            raise ValueError(f"weights {self.segm}, {self.depth}, {self.normal}; none below zero and not all zero")


@dataclass(frozen=True)
class OptimiserConfig:
    """How the weights move.

    Attributes:
        kind: `adamw` or `sgd` (with momentum).
        learning_rate: The greatest one, of decoder and heads.
        encoder_ratio: The encoder's learning rate is this times that; the authors' is 0.1.
        weight_decay: Of the convolutions' weights; biases and batch normalisation have none.
        momentum: Of `sgd`.
        clip: Greatest norm of the gradient; 0: any.
        accumulate: Parts in which a batch goes through the network, for want of memory. Batch normalisation
            then sees the parts, and the berHu loss takes its threshold from each part.
        schedule: `poly`, `cosine` or `constant`, after the warm-up.
        warm_up: Steps in which the learning rate rises from zero.
        power: Of `poly`.
        floor: Share of the learning rate that `poly` and `cosine` end at.
    """

    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    encoder_ratio: float = 1.0
    weight_decay: float = 1e-4
    momentum: float = 0.9
    clip: float = 0.0
    accumulate: int = 1
    schedule: Literal["poly", "cosine", "constant"] = "poly"
    warm_up: int = 0
    power: float = 0.9
    floor: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers outside their range."""
        if self.learning_rate <= 0 or self.encoder_ratio < 0 or self.weight_decay < 0 or self.clip < 0:
            raise ValueError("learning_rate must be above 0; encoder_ratio, weight_decay and clip not below")
        if not 0 <= self.momentum < 1 or not 0 <= self.floor <= 1 or self.power <= 0:
            raise ValueError("momentum is from 0 to below 1, floor from 0 to 1, power above 0")
        if self.accumulate < 1 or self.warm_up < 0:
            raise ValueError(f"accumulate is {self.accumulate}, warm_up is {self.warm_up}; at least 1 and 0")


@dataclass(frozen=True)
class ValidationSet:
    """A data set to measure on.

    Attributes:
        dataset: One of `learning.datasets.DATASETS`, with annotations.
        root: Its folder.
        split: Its part.
        limit: Measure the first so many images only.
    """

    dataset: str
    root: str | None = None
    split: str = "val"
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        _check_dataset(self.dataset)


@dataclass(frozen=True)
class ValidationConfig:
    """When and on what the averaged weights are measured.

    Attributes:
        sets: The data sets; empty: nothing is measured, and no weights are the best.
        first: Step of the first, early validation: what is wrong with it shows before hours are spent.
        every: Steps between validations; there is one after the last step too.
        batch: Images that go through the network together.
    """

    sets: tuple[ValidationSet, ...] = ()
    first: int = 20
    every: int = 1000
    batch: int = 4

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if min(self.first, self.every, self.batch) < 1:
            raise ValueError("first, every and batch must be at least 1")


@dataclass(frozen=True)
class TrainingConfig:
    """A training.

    Attributes:
        steps: Of the optimiser.
        network: What is trained, and from where.
        data: What on; a batch holds `images` of each.
        augmentation: Size of the crops, and what else is drawn for each image.
        loss: Of the heads.
        optimiser: How the weights move.
        seed: Of everything that is drawn.
        average: Decay of the moving average of the weights, which is what is measured and saved; 0: none.
        precision: `bf16` (autocast) or `fp32`.
        channels_last: Memory layout of images and convolutions; quicker nearly everywhere.
        workers: Processes that load and augment; 0: the training process itself. No effect on the result.
        validation: When and on what it is measured.
        save_minutes: Minutes between saved states.
        log_every: Steps between lines of the log.
        tensorboard: Write curves and pictures for TensorBoard too.
    """

    steps: int
    network: NetworkConfig
    data: tuple[DataConfig, ...]
    augmentation: Augmentation
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    seed: int = 0
    average: float = 0.999
    precision: Literal["bf16", "fp32"] = "fp32"
    channels_last: bool = True
    workers: int = 2
    validation: ValidationConfig = ValidationConfig()
    save_minutes: float = 10.0
    log_every: int = 20
    tensorboard: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing together."""
        if not self.data:
            raise ValueError("data is empty; name at least one data set")
        if self.steps < 1 or self.seed < 0 or self.workers < 0 or self.log_every < 1:
            raise ValueError("steps and log_every must be at least 1, seed and workers not below 0")
        if not 0 <= self.average < 1:
            raise ValueError(f"average is {self.average}; a decay is from 0 to below 1, such as 0.999")
        if self.optimiser.warm_up >= self.steps:
            raise ValueError(f"warm_up of {self.optimiser.warm_up} steps in a training of {self.steps}; shorten it")
        if self.batch % self.optimiser.accumulate:
            raise ValueError(
                f"a batch of {self.batch} images cannot be accumulated in {self.optimiser.accumulate} equal parts"
            )

    @property
    def batch(self) -> int:
        """Images of a step, over all processes and parts."""
        return sum(entry.images for entry in self.data)

    def to_json(self) -> str:
        """The configuration as text."""
        return json.dumps(asdict(self), sort_keys=True)


def load_config(path: Path, roots: Mapping[str, str] | None = None) -> TrainingConfig:
    """Read the configuration of a training.

    Args:
        path: The YAML file.
        roots: Folders by name of data set, instead of those in the file.

    Raises:
        ConfigError: The file or something in it is wrong, or a folder is given for a data set not in it.
    """
    config = build(TrainingConfig, read_yaml(path), f"config {path.name}")
    roots = roots or {}
    named = {entry.dataset for entry in config.data} | {entry.dataset for entry in config.validation.sets}
    if unused := sorted(set(roots) - named):
        raise ConfigError(
            f"a root is given for {', '.join(unused)}; config {path.name} names {', '.join(sorted(named))}"
        )
    data = tuple(replace(entry, root=roots.get(entry.dataset, entry.root)) for entry in config.data)
    sets = tuple(replace(entry, root=roots.get(entry.dataset, entry.root)) for entry in config.validation.sets)
    return replace(config, data=data, validation=replace(config.validation, sets=sets))


def _check_dataset(name: str) -> None:
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; choose one of {', '.join(DATASETS)}")
