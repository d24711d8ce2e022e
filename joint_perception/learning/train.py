# SPDX-License-Identifier: Apache-2.0
"""The training: data, network, loop, validation, from top to bottom."""

from __future__ import annotations

import math
import platform
import random
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

import joint_perception
from joint_perception.learning.checkpointing import (
    load_state,
    random_state,
    restore_random_state,
    save_state,
    save_weights,
)
from joint_perception.learning.config_record import public, require_same
from joint_perception.learning.journal import Journal
from joint_perception.learning.learner import Learner, TrainingError
from joint_perception.learning.processes import joined_processes, noting_stop_requests
from joint_perception.learning.stream import load_parts, open_stream
from joint_perception.learning.validation import draw_examples, figures, open_validation, score, validate

if TYPE_CHECKING:
    from pathlib import Path

    from joint_perception.learning.learner import Progress
    from joint_perception.learning.processes import Processes, StopRequest
    from joint_perception.learning.training_config import TrainingConfig

STATE_FILE, BEST_FILE, LAST_FILE = "state.pt", "best.safetensors", "last.safetensors"


@dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended.

    Attributes:
        step: Steps done, of `steps`.
        steps: Of the whole training.
        signal: Number of the signal that stopped it; None where it finished or its minutes were over.
        best: Greatest score of a validation; None where there was none.
    """

    step: int
    steps: int
    signal: int | None
    best: float | None


def train(
    config: TrainingConfig,
    folder: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    max_minutes: float = math.inf,
    progress: bool = True,
) -> Outcome:
    """Train a network, or go on where a training stopped.

    Started by torchrun, each process computes its part of each batch, and the gradient is that of the whole. Batch
    normalisation alone knows only the parts on the CPU, where there is no SyncBatchNorm; between CUDA devices that is
    used. All processes must see one file system.

    Args:
        config: The training.
        folder: Gets the state to resume from, the best and the last (averaged) weights, the log and pictures.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        resume: Go on from the state in the folder.
        max_minutes: Stop after so many minutes of this call, resumable.
        progress: Show progress bars.

    Raises:
        TrainingError: The folder holds a training already, or the loss is no longer finite.
        ConfigError, DatasetError, WeightsError, CheckpointError, StateError, EngineError: What is wrong with which.
    """
    with joined_processes(device) as processes, noting_stop_requests() as stop:
        training = _Training(config, folder, processes, resume=resume, progress=progress and processes.is_first)
        training.run(stop, max_minutes)
        return Outcome(training.step, config.steps, stop.number, training.best)


class _Training:
    """A training under way in one process; only the first one measures and writes."""

    def __init__(
        self, config: TrainingConfig, folder: Path, processes: Processes, *, resume: bool, progress: bool
    ) -> None:
        self.config, self.folder, self.processes, self.progress = config, folder, processes, progress
        torch.manual_seed(config.seed)
        np.random.seed(config.seed)  # noqa: NPY002 (a library might draw from it)
        random.seed(config.seed)
        self.began = time.monotonic()
        self.step, self.seconds_before = 0, 0.0
        self.best: float | None = None

        self.stream = open_stream(config)
        self.sets = open_validation(config) if processes.is_first else []
        self.learner = Learner(config, processes)
        if resume:
            self._restore()
        elif (folder / STATE_FILE).is_file():
            raise TrainingError(f"{folder} holds a training already; --resume goes on with it, or name another --out")
        self.journal = None
        if processes.is_first:
            self.journal = Journal(folder, self.step, tensorboard=config.tensorboard)
            if self.learner.fresh and not resume:
                self.journal.say(f"not in {config.network.init}, begun at random: {', '.join(self.learner.fresh)}")

    def run(self, stop: StopRequest, max_minutes: float) -> None:
        """Learn until the last step, or until told to stop."""
        config = self.config
        saved = ended = time.monotonic()
        with tqdm(total=config.steps, initial=self.step, unit="step", disable=not self.progress) as bar:
            for parts in load_parts(self.stream, config, self.processes, self.step):
                begun = time.monotonic()
                done = self.learner.learn(parts, self.step)
                self.step += 1
                bar.set_postfix({name: f"{value:.3g}" for name, value in done._asdict().items()}, refresh=False)
                bar.update()
                if self.step % config.log_every == 0 or self.step == config.steps:
                    self._log(done, begun - ended, time.monotonic() - begun)
                if self._validation_is_due():
                    self._validate()
                    saved = time.monotonic()
                late = time.monotonic() - self.began > 60 * max_minutes
                if self.processes.any(yes=late or stop.number is not None):
                    break
                if time.monotonic() - saved > 60 * config.save_minutes:
                    self._save()
                    saved = time.monotonic()
                ended = time.monotonic()
        self._save()
        if self.journal:
            self.journal.close()
        self.processes.wait()

    def _log(self, done: Progress, waited: float, computed: float) -> None:
        if self.journal:  # the seconds are this step's: for its images, and for the rest
            seconds = {"loading_seconds": round(waited, 4), "computing_seconds": round(computed, 4)}
            self.journal.write(self.step, "train", {**done._asdict(), **seconds})

    def _validation_is_due(self) -> bool:
        due = self.config.validation
        wanted = self.step == due.first or self.step % due.every == 0 or self.step == self.config.steps
        return wanted and bool(due.sets)

    def _validate(self) -> None:
        if self.journal:
            network, device = self.learner.averaged, str(self.processes.device)
            results = validate(network, self.sets, self.config.validation.batch, device, progress=self.progress)
            found = {"score": score(results, self.config.loss), **figures(results)}
            self.journal.write(self.step, "validation", found)
            self.journal.show(self.step, draw_examples(network, self.sets, device))
            self.journal.say(f"step {self.step}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
            if self.best is None or found["score"] > self.best:
                self.best = found["score"]
                save_weights(self.folder / BEST_FILE, network, self._record(found))
        self._save()
        self.processes.wait()

    def _save(self) -> None:
        if not self.processes.is_first:
            return
        state = {
            "step": self.step,
            "seconds": self._seconds(),
            "best": self.best,
            "config": self.config.to_json(),
            "random": random_state(),
            **self.learner.state(),
        }
        save_state(self.folder / STATE_FILE, state)
        save_weights(self.folder / LAST_FILE, self.learner.averaged, self._record({}))

    def _restore(self) -> None:
        state = load_state(self.folder / STATE_FILE)
        require_same(self.config, state["config"])
        self.learner.restore(state)
        self.step, self.seconds_before, self.best = state["step"], state["seconds"], state["best"]
        restore_random_state(state["random"])

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.began

    def _record(self, scores: dict[str, float]) -> dict[str, Any]:
        """How weights came about, for the metadata of their file."""
        device = self.processes.device
        return {
            "config": public(self.config),
            "data": [
                {
                    "dataset": source.dataset.name,
                    "split": source.dataset.split,
                    "samples": len(source.indices),
                    "note": source.dataset.note,
                    "pseudo": [asdict(labels.record) for labels in source.pseudo.values()],
                }
                for source in self.stream.sources
            ],
            "step": self.step,
            "images": self.step * self.config.batch,
            "seconds": round(self._seconds()),
            "scores": scores,
            "processes": self.processes.count,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu {platform.machine()}",
            "versions": {
                "joint_perception": joint_perception.__version__,
                "torch": str(torch.__version__),
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }
