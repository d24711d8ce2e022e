# SPDX-License-Identifier: Apache-2.0
"""The images of a training in their order: which image stands where is a function of seed and position alone.

So the position is all that a resumed training must know, and neither the number of loading processes nor that of
training processes changes what is learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

from joint_perception.domains import get_domain
from joint_perception.learning.datasets import DATASETS, DatasetError, collate, open_dataset, to_example
from joint_perception.learning.datasets.image_files import ImageFiles
from joint_perception.learning.processes import ignore_stop_signals
from joint_perception.learning.pseudo_labels import ATTRIBUTES, PseudoLabels, key_of
from joint_perception.learning.views import WorldViews

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from joint_perception.domains import Domain
    from joint_perception.learning.augment import Augmentation
    from joint_perception.learning.datasets import Batch, Dataset, Example, Sample
    from joint_perception.learning.processes import Processes
    from joint_perception.learning.training_config import DataConfig, TrainingConfig

_ORDER, _SUBSET, _AUGMENTATION = range(3)  # so that what is drawn for one does not repeat in another


@dataclass(frozen=True)
class Source:
    """A data set as a training sees it: some of its samples, some of their annotations, and a teacher's for others.

    Attributes:
        dataset: The data set.
        domain: Its domain as it lies in the network's head.
        root: Its folder.
        indices: The samples that are used.
        keeps: Attribute of a sample to whether each sample of the data set keeps it.
        pseudo: Attribute of a sample to where it comes from when a sample lacks it.
        images: How many stand in each batch.
    """

    dataset: Dataset
    domain: Domain
    root: Path | None
    indices: npt.NDArray[np.int64]
    keeps: Mapping[str, npt.NDArray[np.bool_]]
    pseudo: Mapping[str, PseudoLabels]
    images: int

    def __getitem__(self, index: int) -> Sample:
        """The sample of that index of the data set."""
        sample = self.dataset[index]
        dropped = {name: None for name, kept in self.keeps.items() if not kept[index]}
        sample = replace(sample, **dropped)  # type: ignore[arg-type]
        filled: dict[str, Any] = {}
        for name, labels in self.pseudo.items():
            if getattr(sample, name) is None:
                filled[name] = labels.read(key_of(self.dataset, self.root, index))
        if filled:
            sample = replace(sample, **filled)
        if sample.depth is not None:
            # What is farther than the domain's evaluation looks counts as not measured.
            sample = replace(sample, depth=np.where(sample.depth <= self.domain.depth_range[1], sample.depth, np.nan))
        return sample

    def require_pseudo(self) -> None:
        """Check that a teacher said what is missing, as far as that shows without reading the samples.

        Raises:
            DatasetError: A file of the teacher's is missing.
        """
        for name, labels in self.pseudo.items():
            lacking = np.zeros(len(self.dataset), bool)
            if isinstance(self.dataset, ImageFiles):
                lacking |= [getattr(entry, name) is None for entry in self.dataset.entries]
            if name in self.keeps:
                lacking[: len(self.keeps[name])] |= ~self.keeps[name]
            for index in self.indices[lacking[self.indices]]:
                labels.require(key_of(self.dataset, self.root, int(index)))


def open_source(config: DataConfig, head_classes: int, seed: int) -> Source:
    """Open a data set as a training sees it.

    Args:
        config: Of the data set.
        head_classes: Channels of the network's segmentation head.
        seed: Draws the samples that keep their annotations.

    Raises:
        DatasetError, DomainError: It is not there, has no domain, or does not fit the network's head.
    """
    root = None if config.root is None else Path(config.root)
    dataset: Dataset
    if DATASETS[config.dataset] is None:
        cache = None if config.cache is None else Path(config.cache)
        dataset = WorldViews(config.dataset, config.split, config.size, config.views, cache)
    else:
        dataset = open_dataset(config.dataset, root, config.split)
    name = config.domain or (dataset.domain.name if dataset.domain else None)
    if name is None:
        raise DatasetError(f"data set {config.dataset!r} does not say what its images show; give it a domain")
    count = min(len(dataset), config.limit or len(dataset))
    rank = np.random.default_rng([seed, _SUBSET]).permutation(count) if config.keep else np.zeros(count, np.int64)
    keeps = {ATTRIBUTES[modality]: rank < round(share * count) for modality, share in config.keep.items()}
    used = np.ones(count, bool)
    if config.complete_only:
        for kept in keeps.values():
            used &= kept
    if not used.any():
        raise DatasetError(f"data set {config.dataset!r}: no sample is left of {count}; keep more of them")
    pseudo = {
        ATTRIBUTES[modality]: PseudoLabels.open(Path(folder), dataset, modality, name)
        for modality, folder in config.pseudo.items()
    }
    source = Source(dataset, get_domain(name, head_classes), root, np.flatnonzero(used), keeps, pseudo, config.images)
    source.require_pseudo()
    return source


@dataclass(frozen=True)
class Stream:
    """The examples of a training by their position; image number s of step t has position t * batch + s.

    Attributes:
        sources: The data sets.
        augmentation: What happens to each image.
        seed: Of order and augmentation.
    """

    sources: tuple[Source, ...]
    augmentation: Augmentation
    seed: int

    @property
    def batch(self) -> int:
        """Images of a step."""
        return sum(source.images for source in self.sources)

    def __getitem__(self, position: int) -> Example:
        """Load and augment the example of a position."""
        step, slot = divmod(position, self.batch)
        number, place = _slots(tuple(source.images for source in self.sources))[slot]
        source = self.sources[number]
        index = self._index(number, step * source.images + place)
        example = to_example(source[index], source.domain)
        state = np.random.SeedSequence([self.seed, _AUGMENTATION, position]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]))
        return self.augmentation(example, generator)

    def _index(self, number: int, place: int) -> int:
        """The sample that is the place-th of those a source gives: each once an epoch, in a new order each."""
        indices = self.sources[number].indices
        epoch, place = divmod(place, len(indices))
        return int(indices[_permutation(self.seed, number, epoch, len(indices))[place]])


@lru_cache(maxsize=8)
def _permutation(seed: int, number: int, epoch: int, length: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, _ORDER, number, epoch]).permutation(length)


@lru_cache(maxsize=8)
def _slots(images: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Source and number within it of each image of a batch, mixed evenly: any part of a batch is like the whole."""
    slots = [(number, place) for number, count in enumerate(images) for place in range(count)]
    return tuple(sorted(slots, key=lambda slot: ((slot[1] + 0.5) / images[slot[0]], slot[0])))


def open_stream(config: TrainingConfig) -> Stream:
    """Open the data of a training; errors as in `open_source`."""
    sources = tuple(open_source(entry, config.network.classes, config.seed) for entry in config.data)
    return Stream(sources, config.augmentation, config.seed)


def positions(batch: int, parts: int, mine: range, steps: range) -> Iterator[list[int]]:
    """Positions of what one process computes on, a part of a batch at a time.

    Args:
        batch: Images of a step.
        parts: Equal parts of it, over all processes.
        mine: Numbers of this process's parts.
        steps: Of the training.
    """
    size = batch // parts
    for step in steps:
        for part in mine:
            start = step * batch + part * size
            yield list(range(start, start + size))


def load_parts(stream: Stream, config: TrainingConfig, processes: Processes, first_step: int) -> Iterator[list[Batch]]:
    """What this process computes on at each step, from a step on: its `accumulate` parts of the batch.

    Raises:
        DatasetError: The batch cannot be divided by the processes; or of a file, when its turn comes.
    """
    each = config.optimiser.accumulate
    parts = each * processes.count
    if stream.batch % parts:
        raise DatasetError(
            f"a batch of {stream.batch} images cannot be divided into {parts} equal parts ({processes.count} "
            f"processes, accumulate {each}); change the images of the data sets"
        )
    mine = range(processes.rank * each, (processes.rank + 1) * each)
    loader: DataLoader[Example] = DataLoader(
        stream,  # type: ignore[arg-type]
        batch_sampler=list(positions(stream.batch, parts, mine, range(first_step, config.steps))),
        num_workers=config.workers,
        collate_fn=collate,
        worker_init_fn=_start_worker if config.workers else None,
        pin_memory=processes.device.type == "cuda",
        # Its own: it draws a number at its start, which would move torch's generator in a resumed training.
        generator=torch.Generator().manual_seed(config.seed),
    )
    batches = iter(loader)
    for _ in range(first_step, config.steps):
        yield [next(batches) for _ in range(each)]


def _start_worker(_: int) -> None:
    ignore_stop_signals()
    cv2.setNumThreads(0)
