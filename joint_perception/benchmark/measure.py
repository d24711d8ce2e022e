# SPDX-License-Identifier: Apache-2.0
"""One run of the benchmark, part after part; what is measured is kept as it comes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from joint_perception.benchmark.accuracy import agreement
from joint_perception.benchmark.benchmark_command import PARTS
from joint_perception.benchmark.end_to_end import EndToEnd, outpaced
from joint_perception.benchmark.engines import PLAIN, Engines, device_name
from joint_perception.benchmark.errors import BenchmarkError
from joint_perception.benchmark.growth import Growth
from joint_perception.benchmark.machine import machine
from joint_perception.benchmark.profile import SEEN, profiled
from joint_perception.benchmark.rig import Rig
from joint_perception.benchmark.roofline import ceilings, roofline, work
from joint_perception.benchmark.stills import Stills, name_of, parse_size
from joint_perception.benchmark.variants import PEER, Variant, node_variants
from joint_perception.engine import EngineError, load_engine
from joint_perception.engine.devices import select_device
from joint_perception.network import load_network, resolve_weights

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_BATCHES = (1, 4)
_OUTPACED_FRAMES = 12


class Measurement:
    """A run.

    Args:
        options: Of the command.

    Attributes:
        results: What was measured so far, as in the JSON.

    Raises:
        BenchmarkError: A variant that is none.
        ValueError: A size that is none.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        quick = options.quick
        self._sizes = [parse_size(text) for text in options.sizes]
        self._parts = options.parts or (PARTS[:2] if quick else PARTS)
        self._rounds = options.rounds or (1 if quick else 8)
        self._frames = options.frames or (3 if quick else 5)
        self._growth, self._weights, self._device = options.growth, options.weights, options.device
        accelerator = device_name() if options.device != "cpu" else ""
        default = [PEER, "fp32", "bf16", *(["fp16"] if accelerator else [])]
        self._names = options.variants or default
        self._batches = _BATCHES[:1] if quick else _BATCHES
        self._variants = node_variants([name for name in self._names if name != PEER])
        self._pictures, self._images = 1 if quick else 3, options.images
        self.results: dict[str, Any] = {"machine": machine(sys.argv[2:], accelerator)}

    @property
    def measured(self) -> bool:
        """Whether there is anything to show."""
        return len(self.results) > 1

    def run(self) -> None:
        """Measure all that is asked for.

        Raises:
            BenchmarkError: A process cannot be started, or ended.
            WeightsError: There are no such weights here.
        """
        with (
            tempfile.TemporaryDirectory(prefix="joint_perception_benchmark") as folder,
            tqdm(total=self._steps(), unit="turn", mininterval=0.5, leave=False) as bar,
        ):
            self._bar = bar
            self._say("pictures")
            self._stills = Stills(Path(folder), self._pictures, self._images)
            for size in self._sizes:
                self._stills.of(size)
            self._folder = Path(folder)
            self._engine()
            if "end_to_end" in self._parts or "outpaced" in self._parts:
                self._end_to_end()
            if "batch" in self._parts:
                self._batch()
            if "roofline" in self._parts:
                self._roofline()
            if "profile" in self._parts:
                self._profile()
            if self._growth:
                self._grow()

    def _engine(self) -> None:
        """The engine alone; and which runtime is the fastest for each variant."""
        self._say("loading runtimes")
        measured = "engine" in self._parts
        self._engines = engines = Engines(self._weights, self._device, () if measured else (PLAIN,))
        resolved = []
        for variant in self._variants:
            try:
                runtime, why = engines.choose(variant)
            except EngineError as error:
                self._leave_out(variant.name, error)
                continue
            self.results.setdefault("runtimes", {})[variant.name] = {"runtime": runtime, "why": why}
            resolved.append(Variant(variant.name, runtime, variant.precision))
        self._variants = resolved
        if not measured:
            return
        self.results.setdefault("not_available", {}).update(engines.refused)
        try:
            self._bar.total = (self._bar.total or 0) + len(engines.names) * len(self._sizes) * len(
                self._batches
            ) * self._rounds
            for _ in range(self._rounds):
                for size in self._sizes:
                    for batch in self._batches:
                        self._say(f"engine, {name_of(size)}, batch {batch}")
                        for _ in engines.round(size, batch, self._stills, self._frames):
                            self._bar.update()
            self.results["engine_accuracy"] = {
                name_of(size): engines.accuracy(size, self._stills) for size in self._sizes
            }
        finally:
            self.results["engine"] = engines.results()
            engines.release()

    def _leave_out(self, name: str, error: Exception) -> None:
        tqdm.write(f"variant {name} is left out: {error}", file=sys.stderr)
        self.results.setdefault("not_available", {})[name] = str(error)
        self._names = [other for other in self._names if other != name]
        if not self._names:
            raise BenchmarkError(f"no variant can be had here: {error}") from error

    def _end_to_end(self) -> None:
        sizes, names = [name_of(size) for size in self._sizes], [*self._names]
        self._say("starting camera, nodes and subscriber")
        with Rig(self._nodes(names), self._stills.files(self._sizes), self._weights) as rig:
            measured = EndToEnd(rig, sizes, names)
            self._say("warming up")
            measured.warm_up()
            try:
                if "end_to_end" in self._parts:
                    self.results["accuracy"] = self._accuracy(rig, names)
                    self._turns("end to end", measured)
            finally:
                if "end_to_end" in self._parts:
                    self._keep("end_to_end", measured)
                    self.results["stages"] = measured.stages()
            if "outpaced" in self._parts:
                self.results["outpaced"] = {}
                for variant in self._variants:
                    self._say(f"a camera faster than {variant.name}")
                    self.results["outpaced"][variant.name] = outpaced(rig, variant.name, sizes[0], _OUTPACED_FRAMES)
                    self._bar.update()

    def _batch(self) -> None:
        names = [*self._names]
        self._say("starting nodes of four cameras")
        cameras = [f"camera{i}" for i in range(_BATCHES[-1])]
        with Rig(self._nodes(names), self._stills.files(self._sizes), self._weights, cameras) as rig:
            measured = EndToEnd(rig, [name_of(size) for size in self._sizes], names)
            measured.warm_up()
            try:
                self._turns("four cameras", measured, rounds=max(1, self._rounds // 2))
            finally:
                self._keep(f"end_to_end_batch_{_BATCHES[-1]}", measured)

    def _roofline(self) -> None:
        self._say("the device's ceilings")
        device = select_device(self._device)
        measured = ceilings(device)
        network = load_network(resolve_weights(self._weights).path)
        self.results["roofline"] = {
            name_of(size): roofline(work(network, size[::-1]), measured) for size in self._sizes
        }

    def _profile(self) -> None:
        for precision in dict.fromkeys(variant.precision for variant in self._variants):
            runtimes = [variant.runtime for variant in self._variants if variant.precision == precision]
            runtime = next((name for name in runtimes if name in SEEN), "torch")
            self._say(f"profile of {runtime} {precision}")
            try:
                engine = load_engine(self._weights, device=self._device, runtime=runtime, precision=precision)
            except EngineError as error:
                tqdm.write(f"no profile of {runtime} {precision}: {error}", file=sys.stderr)
                continue
            for size in self._sizes:
                rows = self.results.setdefault("profile", {}).setdefault(name_of(size), {})
                rows[f"{runtime}_{precision}"] = profiled(engine, self._stills.of(size)[0].frame)

    def _grow(self) -> None:
        if not self._variants:
            return
        growth = Growth(self._variants[-1], self._weights, self._stills, self._sizes[0], self._frames)
        self.results["growth"] = growth.results
        for words in growth.run():
            self._say(words)
            self._bar.update()

    def _nodes(self, names: Sequence[str]) -> list[Variant | str]:
        return [PEER if name == PEER else next(v for v in self._variants if v.name == name) for name in names]

    def _turns(self, words: str, measured: EndToEnd, rounds: int | None = None) -> None:
        for number in range(rounds or self._rounds):
            self._say(f"{words}, round {number + 1}")
            for _ in measured.round(self._frames):
                self._bar.update()

    def _keep(self, key: str, measured: EndToEnd) -> None:
        if found := measured.results():
            self.results[key] = found

    def _accuracy(self, rig: Rig, names: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
        """Of what came over DDS, against plain torch."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for size in self._sizes:
            plain = self._engines.plain(self._stills.of(size)[0].frame)
            for name in names:
                file = self._folder / f"{name}.npz"
                rig.keep(name, file)
                if rig.shoot(name, name_of(size), 0) is None:
                    continue
                with np.load(file, allow_pickle=False) as came:
                    row = agreement(came["label"], came["depth"], plain.labels, plain.depth)
                found.setdefault(name_of(size), {})[name] = row
        return found

    def _steps(self) -> int:
        turns = len(self._sizes) * len(self._names)
        steps = turns * self._rounds if "end_to_end" in self._parts else 0
        steps += len(self._variants) if "outpaced" in self._parts else 0
        steps += turns * max(1, self._rounds // 2) if "batch" in self._parts else 0
        return steps + (Growth.points() if self._growth else 0)

    def _say(self, words: str) -> None:
        self._bar.set_description(words, refresh=True)
