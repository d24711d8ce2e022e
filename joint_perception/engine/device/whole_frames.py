# SPDX-License-Identifier: Apache-2.0
"""Images to predictions with one upload, one launch and one download."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch

from joint_perception.engine.device.cuda_graphs import CudaGraphs
from joint_perception.engine.device.resident import Resident
from joint_perception.engine.device.transfers import brought_down, on_device, stacked_on
from joint_perception.engine.frame import Prediction
from joint_perception.engine.postprocess import Aspects, Decided, Terms, decide
from joint_perception.engine.preprocess import resized
from joint_perception.engine.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from joint_perception.engine.frame import Frame
    from joint_perception.engine.reading import Reading
    from joint_perception.engine.runtimes.runtime import Runtime
    from joint_perception.engine.stopwatch import Stopwatch


class _Kind(NamedTuple):
    """What tells one recording from another, besides the shape of the images."""

    network_size: tuple[int, int] | None
    first_channel: int
    num_classes: int
    aspects: Aspects


class WholeFrames:
    """Resizing, network, interpolation, labels, depth and confidence as one piece of work on the runtime's device.

    On a GPU it is recorded once for each size of images (see `CudaGraphs`), where the runtime allows it. The result is
    that of the stages one by one. Labels and depth stay on the device for the cloud (see `Resident`).

    Args:
        runtime: What runs the network.
        network_size: See `Engine`.
    """

    def __init__(self, runtime: Runtime, network_size: tuple[int, int] | None) -> None:
        self._runtime, self._network_size = runtime, network_size
        self._graphs = CudaGraphs(runtime.device)
        self._tables: Recent[tuple[torch.Tensor, ...]] = Recent()
        self._batches = 0

    def __call__(
        self,
        frames: Sequence[Frame],
        readings: Sequence[Reading],
        wanted: Collection[str],
        stopwatch: Stopwatch,
    ) -> list[Prediction]:
        """Run a batch.

        Args:
            frames: All of one size.
            readings: Of each frame, all of one domain.
            wanted: See `Engine.predict`.
            stopwatch: Gets `preprocess` (the way up), `network` (all that is computed), `postprocess` (the way down).
        """
        device, domain = self._runtime.device, readings[0].domain
        aspects = Aspects.of(readings, wanted)
        with stopwatch.stage("preprocess"):
            pixels = stacked_on(device, [frame.image for frame in frames])
            terms = on_device(device, torch.stack(tuple(Terms.of(readings))))
        with stopwatch.stage("network"):
            self._batches += 1
            kind = _Kind(self._network_size, domain.first_channel, domain.num_classes, aspects)
            work = partial(self._decided, kind)
            decided = _unpacked(
                self._graphs(kind, work, pixels, terms) if self._runtime.recordable else work(pixels, terms), aspects
            )
            if device.type == "cuda":  # pragma: no cover (needs CUDA)
                torch.cuda.current_stream(device).synchronize()  # else the time would count as the download's
        with stopwatch.stage("postprocess"):
            return self._predictions(pixels, decided, wanted)

    def _decided(self, kind: _Kind, pixels: torch.Tensor, terms: torch.Tensor) -> tuple[torch.Tensor, ...]:
        size = (int(pixels.shape[1]), int(pixels.shape[2]))
        outputs = self._runtime.unrecorded(resized(pixels, kind.network_size))
        channels = slice(kind.first_channel, kind.first_channel + kind.num_classes)
        decided = decide(outputs._replace(segm=outputs.segm[:, channels]), size, Terms(*terms), kind.aspects)
        return tuple(x.contiguous() for x in decided if x is not None)

    def _predictions(self, pixels: torch.Tensor, decided: Decided, wanted: Collection[str]) -> list[Prediction]:
        probability = decided.confidence if "confidence" in wanted else None
        going = {
            "labels": decided.labels,
            "depth": decided.depth,
            "confidence": probability,
            "normals": decided.normals,
        }
        names = [name for name, x in going.items() if x is not None]
        arrived = dict(zip(names, brought_down([x for x in going.values() if x is not None]), strict=True))
        batch = self._batches
        return [
            Prediction(
                arrived["labels"][i],
                arrived["depth"][i],
                arrived["confidence"][i] if probability is not None else None,
                arrived["normals"][i] if decided.normals is not None else None,
                Resident(
                    pixels[i],
                    decided.labels[i],
                    decided.depth[i],
                    None if probability is None else probability[i],
                    self._graphs,
                    self._tables,
                    lambda: self._batches == batch,
                ),
            )
            for i in range(len(pixels))
        ]


def _unpacked(tensors: Sequence[torch.Tensor], aspects: Aspects) -> Decided:
    """What `_decided` packed: only some of it is there."""
    labels, depth, *others = tensors
    confidence = others.pop(0) if aspects.confidence else None
    return Decided(labels, depth, confidence, others.pop(0) if others else None)
