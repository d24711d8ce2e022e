# SPDX-License-Identifier: Apache-2.0
"""The engine alone, in this process: each runtime and precision that can be had here, in turn, and the peer's way.

From images on the host to labels and depth there.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from joint_perception.benchmark.accuracy import against_truth, agreement, agreement_of
from joint_perception.benchmark.series import summary
from joint_perception.benchmark.stills import name_of
from joint_perception.benchmark.variants import PEER, peer_module
from joint_perception.engine import Engine, EngineError, Stopwatch, load_engine
from joint_perception.engine.runtimes import PRECISIONS, RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joint_perception.benchmark.stills import Size, Stills
    from joint_perception.benchmark.variants import Variant
    from joint_perception.engine import Frame, Prediction

PLAIN = "plain_fp32"
"""Plain torch in fp32, as the network is written: what all others are compared with."""
_NETWORK = "network"


class CpuStopwatch(Stopwatch):
    """A stopwatch that knows the CPU time of all threads, too.

    Attributes:
        cpu_seconds: As `seconds`, by the process's CPU clock.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the `with` block towards a stage."""
        start = time.process_time()
        try:
            with super().stage(name):
                yield
        finally:
            self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + time.process_time() - start


@dataclass
class _Series:
    """What was measured of one engine, at one size and batch; milliseconds."""

    total: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)
    network_cpu: list[float] = field(default_factory=list)

    def results(self) -> dict[str, Any]:
        """As in the JSON."""
        found: dict[str, Any] = {**summary(self.total), "cpu_ms": round(statistics.median(self.cpu), 3)}
        if self.network_cpu:
            found["network_cpu_ms"] = round(statistics.median(self.network_cpu), 3)
            names = self.stages[-1]
            found["stages"] = {
                name: round(statistics.median(stages.get(name, 0.0) for stages in self.stages), 3) for name in names
            }
        return found


class Engines:
    """Engines side by side, run in turn.

    Args:
        weights: Name or path.
        device: As of `load_engine`.
        names: `peer`, `plain_fp32` and RUNTIME_PRECISION; empty: all that can be had here.

    Attributes:
        refused: Why one cannot be had, by name.
    """

    def __init__(self, weights: str, device: str = "auto", names: Sequence[str] = ()) -> None:
        self._weights, self._device = weights, device
        self.refused: dict[str, str] = {}
        self._engines: dict[str, Engine] = {}
        self._peer: Any = None
        self._series: dict[tuple[Size, int, str], _Series] = defaultdict(_Series)
        loaded = load_engine(weights, device=device)
        self._plain = Engine(loaded.network, loaded.domain, device, image_width=loaded.image_width)
        others = [f"{runtime}_{precision}" for runtime in RUNTIMES if runtime != "auto" for precision in PRECISIONS]
        for name in names or [PEER, PLAIN, *others]:
            try:
                self._open(name)
            except (EngineError, ImportError) as error:  # noqa: PERF203 (a handful)
                self.refused[name] = str(error).splitlines()[0]

    @property
    def names(self) -> list[str]:
        """Those that could be had."""
        return [*([PEER] if self._peer else []), *self._engines]

    def plain(self, frame: Frame) -> Prediction:
        """What plain torch says of a frame."""
        return self._plain.predict([frame])[0]

    def choose(self, variant: Variant) -> tuple[str, str]:
        """The runtime that a variant's node would take, and why.

        Raises:
            EngineError: None serves here.
        """
        if variant.runtime != "auto":
            return variant.runtime, "named"
        choice = load_engine(self._weights, device=self._device, runtime="auto", precision=variant.precision).choice
        return choice.runtime, choice.why

    def round(self, size: Size, batch: int, stills: Stills, repeats: int) -> Iterator[None]:
        """Run each engine a few times, once more at first, which is not counted.

        Args:
            size: Of the pictures.
            batch: Frames at once; the peer takes them one after the other, as peers do.
            stills: The pictures.
            repeats: Runs that count.
        """
        views = stills.of(size)
        frames = [views[i % len(views)].frame for i in range(batch)]
        for name in self.names:
            for repeat in range(repeats + 1):
                self._run(self._series[size, batch, name], name, frames, counts=repeat > 0)
            yield

    def accuracy(self, size: Size, stills: Stills) -> dict[str, dict[str, float]]:
        """How far each is from plain torch, and from the truth where it is known."""
        views = stills.of(size)
        frames = [view.frame for view in views]
        plain = self._plain.predict(frames)
        found = {}
        for name, engine in self._engines.items():
            found[name] = agreement_of(_one_by_one(engine, frames), plain) | against_truth(engine, views)
        if self._peer:
            module, network = self._peer
            labels, depth = zip(*(module.predict(network, frame.image) for frame in frames), strict=True)
            plain_labels, plain_depth = zip(*((p.labels, p.depth) for p in plain), strict=True)
            found[PEER] = agreement(*map(np.stack, (labels, depth, plain_labels, plain_depth)))
        return found

    def results(self) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
        """Time, CPU time and stages by size, batch (`batch_1`, ...) and name, of what was measured so far."""
        found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        for (size, batch, name), series in self._series.items():
            if series.total:
                found.setdefault(name_of(size), {}).setdefault(f"batch_{batch}", {})[name] = series.results()
        return found

    def release(self) -> None:
        """Give back the memory of all but plain torch: gigabytes, and threads, beside the nodes measured next."""
        self._engines, self._peer = {}, None
        gc.collect()

    def _open(self, name: str) -> None:
        if name == PEER:
            module = peer_module()
            self._peer = (module, module.published_network(self._weights))
        elif name == PLAIN:
            self._engines[name] = self._plain
        else:
            runtime, _, precision = name.rpartition("_")
            self._engines[name] = load_engine(self._weights, device=self._device, runtime=runtime, precision=precision)

    def _run(self, series: _Series, name: str, frames: Sequence[Frame], *, counts: bool) -> None:
        stopwatch = CpuStopwatch()
        start, cpu = time.perf_counter(), time.process_time()
        if name == PEER:
            module, network = self._peer
            for frame in frames:
                module.predict(network, frame.image)
        else:
            self._engines[name].predict(frames, stopwatch, wanted=())  # labels and depth, as the peer gives
        total, used = time.perf_counter() - start, time.process_time() - cpu
        if not counts:
            return
        series.total.append(total * 1e3)
        series.cpu.append(used * 1e3)
        if stopwatch.seconds:
            series.stages.append({stage: seconds * 1e3 for stage, seconds in stopwatch.seconds.items()})
            series.network_cpu.append(stopwatch.cpu_seconds.get(_NETWORK, 0.0) * 1e3)


def _one_by_one(engine: Engine, frames: Sequence[Frame]) -> list[Prediction]:
    """As the node runs them: a batch may be summed in another order."""
    return [engine.predict([frame])[0] for frame in frames]


def device_name() -> str:
    """The accelerator's name; empty where there is none."""
    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else ""
