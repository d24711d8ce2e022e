# SPDX-License-Identifier: Apache-2.0
"""What an experiment consists of: the keys of its YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from joint_perception.learning.augment import Augmentation  # noqa: TC001 (`build` looks at the types)
from joint_perception.learning.training_config import LossConfig, OptimiserConfig
from joint_perception.strict_yaml import ConfigError, build, read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WITHOUT_DEPTH = ("camvid",)


@dataclass(frozen=True)
class SetConfig:
    """A data set of a world.

    Attributes:
        dataset: `rooms` or `streets`, every image of which has depth, or `camvid`, which has none.
        images: Images of it in each batch.
        limit: Learn from the first so many images only; needed of a synthetic world, which has a million.
        views: Images of each synthetic world.
    """

    dataset: Literal["rooms", "streets", "camvid"]
    images: int
    limit: int | None = None
    views: int = 1

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if min(self.images, self.views, self.limit or 1) < 1:
            raise ValueError("images, views and limit must be at least 1")
        if self.is_synthetic and self.limit is None:
            raise ValueError(f"{self.dataset} has no limit; give it one, its images are rendered beforehand")

    @property
    def is_synthetic(self) -> bool:
        """Whether it is rendered."""
        return self.dataset != "camvid"

    @property
    def has_depth(self) -> bool:
        """Whether its images came with depth."""
        return self.dataset not in WITHOUT_DEPTH


@dataclass(frozen=True)
class WorldConfig:
    """Data sets that one network learns from.

    Attributes:
        classes: Channels of the segmentation head.
        data: The data sets, those with depth first; each is measured on its test images.
        depth_bias: What the depth head says at first, in metres.
        loss: What the losses count in a joint network; a network of one task has the weight of its task.
    """

    classes: int
    data: tuple[SetConfig, ...]
    depth_bias: float = 3.0
    loss: LossConfig = field(default_factory=lambda: LossConfig(normal=0.0))

    def __post_init__(self) -> None:
        """Refuse a world in which the arms of the experiment mean nothing."""
        if not self.data or not self.data[0].has_depth:
            raise ValueError("the first data set must have depth: rooms or streets")
        if len({entry.dataset for entry in self.data}) != len(self.data):
            raise ValueError("a data set stands there twice; raise its images instead")
        if not self.loss.segm or not self.loss.depth or self.loss.normal:
            raise ValueError(f"loss is {self.loss}; segm and depth must be above 0, and normal must be 0")

    @property
    def batch(self) -> int:
        """Images of a step."""
        return sum(entry.images for entry in self.data)


@dataclass(frozen=True)
class ExperimentConfig:
    """An experiment: every arm, at every share, for every seed, in every world, trained alike.

    Attributes:
        steps: Of each training.
        worlds: By name.
        augmentation: Of each training.
        optimiser: Of each training.
        shares: Of the images that have labels, from above 0 to 1.
        seeds: Of the trainings, and of which images have labels.
        size: (height, width) of what the synthetic worlds render, and at which other images are learnt from and seen
            by the network when it is measured.
        test_images: Images of each synthetic world to measure on, at most 200; of CamVid all test images.
        cache: Folder for rendered images and small copies.
        average: Decay of the moving average of the weights, which is what is measured.
        precision: `bf16` (autocast) or `fp32`.
        save_minutes: Minutes between saved states of a training.
        log_every: Steps between lines of its log.
    """

    steps: int
    worlds: dict[str, WorldConfig]
    augmentation: Augmentation
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    shares: tuple[float, ...] = (0.05, 0.2, 1.0)
    seeds: tuple[int, ...] = (0, 1, 2)
    size: tuple[int, int] = (120, 160)
    test_images: int = 200
    cache: str = "training_cache"
    average: float = 0.99
    precision: Literal["bf16", "fp32"] = "bf16"
    save_minutes: float = 1.0
    log_every: int = 10

    def __post_init__(self) -> None:
        """Refuse what is no experiment."""
        if not self.worlds or not self.shares or not self.seeds:
            raise ValueError("worlds, shares and seeds must not be empty")
        if not all(0 < share <= 1 for share in self.shares) or list(self.shares) != sorted(set(self.shares)):
            raise ValueError(f"shares are {list(self.shares)}; they rise, from above 0 to 1")
        if len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds are {list(self.seeds)}; each must be there once, and not below 0")
        if min(self.steps, self.test_images, self.log_every, *self.size) < 1:
            raise ValueError("steps, test_images, log_every and size must be at least 1")


def load_experiment(
    path: Path, worlds: Sequence[str] | None = None, seeds: Sequence[int] | None = None
) -> ExperimentConfig:
    """Read the configuration of an experiment.

    Args:
        path: The YAML file.
        worlds: Some of its worlds; None: all.
        seeds: Instead of those in the file.

    Raises:
        ConfigError: The file or something in it is wrong, or it has no such world.
    """
    config = build(ExperimentConfig, read_yaml(path), f"config {path.name}")
    if worlds is not None:
        if unknown := [name for name in worlds if name not in config.worlds]:
            raise ConfigError(f"config {path.name} has no world {unknown[0]!r}; choose from {', '.join(config.worlds)}")
        config = replace(config, worlds={name: config.worlds[name] for name in config.worlds if name in worlds})
    if seeds is not None:
        try:
            config = replace(config, seeds=tuple(seeds))
        except ValueError as error:
            raise ConfigError(f"--seeds: {error}") from error
    return config
