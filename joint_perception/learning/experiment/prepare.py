# SPDX-License-Identifier: Apache-2.0
"""The images of an experiment, rendered or made small before the first run, and kept."""

from __future__ import annotations

import hashlib
import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from tqdm import tqdm

from joint_perception.learning.checkpointing import replacing
from joint_perception.learning.datasets import DatasetError, open_dataset
from joint_perception.learning.datasets.image_files import ImageFiles
from joint_perception.learning.processes import ignore_stop_signals
from joint_perception.learning.views import WorldViews

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from joint_perception.learning.datasets import Dataset
    from joint_perception.learning.experiment.config import ExperimentConfig, SetConfig

# Images that are prepared between two looks at whether to stop; of streets that is some seconds.
_AT_A_TIME = 8


@dataclass(frozen=True)
class _Piece:
    """Images that one process prepares: into the cache of the synthetic world, or small into a folder."""

    dataset: WorldViews | ImageFiles
    indices: range
    folder: Path | None = None
    size: tuple[int, int] = (0, 0)


def prepare(
    config: ExperimentConfig, roots: Mapping[str, Path], *, jobs: int, progress: bool, stopping: Callable[[], bool]
) -> dict[str, Path] | None:
    """Render what is not in the cache, and make small copies of photographs to learn from.

    What is there is only looked at; so this goes on where it was stopped.

    Args:
        config: Of the experiment.
        roots: Folders of the data sets of files.
        jobs: Processes.
        progress: Show a progress bar.
        stopping: Whether to stop; asked every few images.

    Returns:
        Data set of files to the folder of its small copy; None where it was stopped.

    Raises:
        DatasetError: A data set is not there, or a file of it is damaged.
    """
    pieces: list[_Piece] = []
    small: dict[str, Path] = {}
    for entry in {entry.dataset: entry for world in config.worlds.values() for entry in world.data}.values():
        measured = images_to_measure(config, entry, roots)
        if isinstance(measured, WorldViews):
            train = WorldViews(entry.dataset, "train", config.size, entry.views, Path(config.cache))
            for images, count in ((train, entry.limit or len(train)), (measured, config.test_images)):
                # Whole worlds: two processes would both make one that is divided between them.
                length = max(1, _AT_A_TIME // images.views) * images.views
                pieces += [_Piece(images, indices) for indices in _ranges(min(count, len(images)), length)]
        else:
            photographs = open_dataset(entry.dataset, roots.get(entry.dataset), "train")
            assert isinstance(photographs, ImageFiles)  # CamVid is
            folder = small[entry.dataset] = _folder_of(config, photographs)
            pieces += [
                _Piece(photographs, indices, folder, config.size) for indices in _ranges(len(photographs), _AT_A_TIME)
            ]
    return small if _do(pieces, jobs, progress=progress, stopping=stopping) else None


def images_to_measure(config: ExperimentConfig, entry: SetConfig, roots: Mapping[str, Path]) -> Dataset:
    """The test images of a data set: those of a synthetic world as rendered for the experiment, files as they are.

    Raises:
        DatasetError: It is not there.
    """
    if entry.is_synthetic:
        return WorldViews(entry.dataset, "test", config.size, 1, Path(config.cache))
    return open_dataset(entry.dataset, roots.get(entry.dataset), "test")


def _do(pieces: list[_Piece], jobs: int, *, progress: bool, stopping: Callable[[], bool]) -> bool:
    """Whether all was done."""
    total = sum(len(piece.indices) for piece in pieces)
    with tqdm(total=total, unit="image", desc="images of the experiment", disable=not progress) as bar:
        if jobs == 1:
            for piece in pieces:
                if stopping():
                    return False
                bar.update(_prepare(piece))
            return True
        context = multiprocessing.get_context("spawn")  # torch does not survive a fork
        with ProcessPoolExecutor(jobs, context, _start) as pool:
            waiting: set[Future[int]] = {pool.submit(_prepare, piece) for piece in pieces}
            while waiting and not stopping():
                done, waiting = wait(waiting, timeout=1, return_when="FIRST_COMPLETED")
                for future in done:
                    bar.update(future.result())
            pool.shutdown(cancel_futures=True)
        return not waiting


def _start() -> None:
    ignore_stop_signals()  # the first process asks whether to stop
    cv2.setNumThreads(1)


def _prepare(piece: _Piece) -> int:
    for index in piece.indices:
        if piece.folder is None:
            piece.dataset[index]
        else:
            assert isinstance(piece.dataset, ImageFiles)
            _write_small(piece.dataset, index, piece.folder, piece.size)
    return len(piece.indices)


def _write_small(dataset: ImageFiles, index: int, folder: Path, size: tuple[int, int]) -> None:
    """Write an image, pixels averaged, and its labels, nearest, in the layout that they came in."""
    entry = dataset.entries[index]
    assert entry.labels is not None  # all of CamVid has
    for path, method in ((entry.image, cv2.INTER_AREA), (entry.labels, cv2.INTER_NEAREST_EXACT)):
        target = (folder / path.parent.name / path.name).with_suffix(".png")
        if target.is_file():
            continue
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise DatasetError(f"file {path} cannot be decoded; it is damaged or no image, copy it again")
        with replacing(target) as draft:
            if not cv2.imwrite(str(draft), cv2.resize(pixels, (size[1], size[0]), interpolation=method)):
                raise DatasetError(f"{target} cannot be written; check the folder and the free space")


def _folder_of(config: ExperimentConfig, dataset: ImageFiles) -> Path:
    """Of the small copies: one for each size and each state of the files."""
    digest = hashlib.sha256()
    for entry in dataset.entries:
        for path in (entry.image, entry.labels):
            digest.update(b"" if path is None else f"{path.parent.name}/{path.name} {path.stat().st_size}\n".encode())
    height, width = config.size
    return Path(config.cache) / f"{dataset.name}-{height}x{width}-{digest.hexdigest()[:8]}"


def _ranges(count: int, length: int) -> list[range]:
    return [range(start, min(start + length, count)) for start in range(0, count, length)]
