# SPDX-License-Identifier: Apache-2.0
"""The trainings of an experiment, their order, and what each learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from joint_perception.learning.training_config import DataConfig, NetworkConfig, TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from joint_perception.learning.experiment.config import ExperimentConfig, SetConfig, WorldConfig
    from joint_perception.learning.training_config import Modality

# The two networks of (a), then (b), (c) and (d).
Arm = Literal["segm", "depth", "complete", "masked", "distilled"]
ARMS: tuple[Arm, ...] = get_args(Arm)


@dataclass(frozen=True)
class Run:
    """A training of the experiment.

    Attributes:
        world: Name of its data.
        arm: `segm` or `depth`: a network for one task, on all images annotated for it. `complete`: both tasks, on
            the images annotated for both. `masked`: both, on all images, each head learning where it can.
            `distilled`: as masked, and the networks of one task say what is missing.
        share: Of the images that have labels; None for `depth`, which has no use for them.
        seed: Of the training, and of which images have labels.
    """

    world: str
    arm: Arm
    share: float | None
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        share = "" if self.share is None else f"-{100 * self.share:g}pct"
        return f"{self.world}-{self.arm}{share}-seed{self.seed}"

    @property
    def teachers(self) -> tuple[Run, ...]:
        """The runs that must be there before: of `distilled`, those of one task each at the same share and seed."""
        if self.arm != "distilled":
            return ()
        return replace(self, arm="segm"), replace(self, arm="depth", share=None)


def plan(config: ExperimentConfig) -> list[Run]:
    """The runs in the order in which they are wanted: all there is of one seed first, the least share first."""
    runs = dict.fromkeys(
        representative(config.worlds[world], Run(world, arm, None if arm == "depth" else share, seed))
        for seed in config.seeds
        for share in config.shares
        for world in config.worlds
        for arm in ARMS
    )
    return list(runs)


def representative(world: WorldConfig, run: Run) -> Run:
    """The run that is trained in place of a run: where nothing is missing, three arms are the same training."""
    nothing_missing = run.share == 1 and all(entry.has_depth for entry in world.data)
    return replace(run, arm="complete") if nothing_missing and run.arm in ("masked", "distilled") else run


def training_of(config: ExperimentConfig, run: Run, roots: Mapping[str, Path], pseudo: Path) -> TrainingConfig:
    """What a run is as a training.

    Network, steps, batch and schedule are the same for all runs of a world; data and losses differ. Where the data
    sets without depth are left out, the others fill the batch.

    Args:
        config: Of the experiment.
        run: One of `plan`.
        roots: Data set to the folder with its images at the experiment's size.
        pseudo: The run's folder of what its teachers said; see `pseudo_folder`.
    """
    world = config.worlds[run.world]
    depth_only = run.arm in ("depth", "complete")
    sets = tuple(entry for entry in world.data if entry.has_depth or not depth_only)
    spare = world.batch - sum(entry.images for entry in sets)
    sets = (replace(sets[0], images=sets[0].images + spare), *sets[1:])
    loss = replace(
        world.loss,
        segm=0.0 if run.arm == "depth" else world.loss.segm,
        depth=0.0 if run.arm == "segm" else world.loss.depth,
    )
    return TrainingConfig(
        steps=config.steps,
        network=NetworkConfig(world.classes, tasks=2, depth_bias=world.depth_bias),
        data=tuple(_data(config, run, entry, roots, pseudo) for entry in sets),
        augmentation=config.augmentation,
        loss=loss,
        optimiser=config.optimiser,
        seed=run.seed,
        average=config.average,
        precision=config.precision,
        workers=0,  # the other cores have runs of their own
        save_minutes=config.save_minutes,
        log_every=config.log_every,
    )


def missing(run: Run, entry: SetConfig) -> tuple[Modality, ...]:
    """What images of a data set lack in a run, and its teachers must say."""
    found: list[Modality] = []
    if run.arm == "distilled":
        if run.share is not None and run.share < 1:
            found.append("segm")
        if not entry.has_depth:
            found.append("depth")
    return tuple(found)


def pseudo_folder(pseudo: Path, dataset: str, modality: str) -> Path:
    """Where the teachers' words on a data set are."""
    return pseudo / f"{dataset}-{modality}"


def _data(config: ExperimentConfig, run: Run, entry: SetConfig, roots: Mapping[str, Path], pseudo: Path) -> DataConfig:
    root = roots.get(entry.dataset)
    return DataConfig(
        dataset=entry.dataset,
        images=entry.images,
        root=None if root is None else str(root),
        limit=entry.limit,
        keep={"segm": 0.0 if run.share is None else run.share},
        complete_only=run.arm in ("segm", "complete"),
        pseudo={name: str(pseudo_folder(pseudo, entry.dataset, name)) for name in missing(run, entry)},
        size=config.size,
        views=entry.views,
        cache=config.cache if entry.is_synthetic else None,
    )
