# SPDX-License-Identifier: Apache-2.0
"""The engine: frames in, predictions out, the network and its device in between."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from joint_perception.domains import Domain, DomainError, get_domain
from joint_perception.domains.catalogue import DOMAINS
from joint_perception.engine.compiled_postprocess import to_predictions
from joint_perception.engine.device.whole_frames import WholeFrames
from joint_perception.engine.devices import select_device
from joint_perception.engine.errors import EngineError
from joint_perception.engine.frame import EVERYTHING, Frame
from joint_perception.engine.graph.contract import is_graph
from joint_perception.engine.preprocess import to_pixels
from joint_perception.engine.reading import Reading
from joint_perception.engine.runtimes.selection import Choice, choose_runtime
from joint_perception.engine.runtimes.self_check import check_pixels, disagreement
from joint_perception.engine.runtimes.torch_runtime import PlainRuntime
from joint_perception.engine.stopwatch import Stopwatch
from joint_perception.network import Outputs, load_network, resolve_weights
from joint_perception.network.temperatures import read_temperatures

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

    from joint_perception.engine.frame import Prediction
    from joint_perception.engine.runtimes.runtime import Runtime
    from joint_perception.network import JointNetwork

T = TypeVar("T")

# The authors' networks see 1/32 of the image at their coarsest; below that nothing is left to see.
MIN_SIZE = 32
_log = logging.getLogger(__name__)


class Engine:
    """A network on a device, and what its outputs mean.

    Args:
        network: It is put into evaluation mode and moved to the device.
        domain: What its labels and depths mean.
        device: `auto` (the first CUDA device, else the CPU), `cpu`, `cuda` or `cuda:N`.
        network_size: (height, width) the image is resized to for the network; None: the image's own. Depth
            comes out as the network says it at that size: a `Reading` corrects it for another focal length.
        image_width: Width in pixels of the images the weights were trained on; None: of the domain's own.
        temperatures: What the weights' confidence was calibrated to, by domain (see `network.temperatures`).
        runtime: What runs the network, on that device; None: plain torch, which all others are measured against.
        choice: Why that runtime; None: it was given.
        whole_frames: Whether a frame goes its whole way on the device at once (see `WholeFrames`), or stage by stage,
            which gives the same; None: on a GPU, where both agree.

    Raises:
        EngineError: The device does not exist, the size is too small, or the domain does not fit the head.
    """

    def __init__(
        self,
        network: JointNetwork,
        domain: Domain,
        device: str = "auto",
        network_size: tuple[int, int] | None = None,
        image_width: int | None = None,
        temperatures: Mapping[str, float] | None = None,
        runtime: Runtime | None = None,
        choice: Choice | None = None,
        *,
        whole_frames: bool | None = None,
    ) -> None:
        if network_size is not None and min(network_size) < MIN_SIZE:
            raise EngineError(
                f"network size is {network_size[1]}x{network_size[0]} (width x height); each must be at least "
                f"{MIN_SIZE}, or leave it out for the image's own size"
            )
        if domain.first_channel + domain.num_classes > network.num_classes:
            raise EngineError(
                f"domain {domain.name!r} needs channels {domain.first_channel} to "
                f"{domain.first_channel + domain.num_classes - 1} but the segmentation head has {network.num_classes}"
            )
        self.domain = domain
        self.device = select_device(device)
        self.network_size = network_size
        self.image_width = image_width
        self.temperatures = dict(temperatures or {})
        plain = PlainRuntime(network, self.device)
        self.network, self.runtime = plain.network, runtime or plain
        self.choice = choice or Choice(self.runtime.name, self.runtime.precision, "given")
        self._whole_frames: WholeFrames | None = None
        if whole_frames or (whole_frames is None and self.device.type == "cuda"):
            self._whole_frames = WholeFrames(self.runtime, network_size)
        if whole_frames is None:
            self._check_whole_frames()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Of `segm`, `depth` and `normal`, those the network has a head for."""
        return ("segm", "depth", "normal")[: self.network.num_tasks]

    @torch.inference_mode()
    def predict(
        self,
        frames: Sequence[Frame],
        stopwatch: Stopwatch | None = None,
        readings: Sequence[Reading] | None = None,
        wanted: Collection[str] = EVERYTHING,
    ) -> list[Prediction]:
        """Run the network on a batch of frames.

        Frames that reach the network at one size go through it together, on a GPU those of one size and one domain;
        others form batches of their own.

        Args:
            frames: Any number, any sizes.
            stopwatch: Gets the time of the stages `preprocess`, `network` and `postprocess`.
            readings: How each frame's outputs are read; None: by the engine's domain, its metres as they are.
            wanted: Of `confidence` and `normals`, those that are wanted; the others are not computed, and None.

        Returns:
            One prediction for each frame, in their order, each at its frame's size.
        """
        stopwatch = stopwatch or Stopwatch()
        readings = readings if readings is not None else [self.reading()] * len(frames)
        whole = self._whole_frames
        run = whole or self._by_stages

        def together(index: int) -> Hashable:
            size = self._seen_size(frames[index])
            return size if whole is None else (size, frames[index].image.shape, readings[index].domain)

        predictions: dict[int, Prediction] = {}
        for group in _groups(range(len(frames)), together):
            found = run([frames[i] for i in group], [readings[i] for i in group], wanted, stopwatch)
            predictions.update(zip(group, found, strict=True))
        return [predictions[i] for i in range(len(predictions))]

    @torch.inference_mode()
    def _check_whole_frames(self) -> None:
        """Give them up where they do not say what the stages say."""
        if self._whole_frames is None:
            return
        frame = Frame(check_pixels(torch.device("cpu"))[0].numpy())
        batch = [frame], [self.reading()], EVERYTHING, Stopwatch()
        try:
            refusal = disagreement(self._whole_frames(*batch)[0], self._by_stages(*batch)[0])
        except Exception as error:  # noqa: BLE001 (drivers and libraries refuse in many ways; the stages serve)
            refusal = str(error).partition("\n")[0]
        if refusal:
            _log.warning("frames go stage by stage on %s: at once it fails: %s", self.device, refusal)
            self._whole_frames = None

    def _by_stages(
        self, frames: Sequence[Frame], readings: Sequence[Reading], wanted: Collection[str], stopwatch: Stopwatch
    ) -> list[Prediction]:
        """A batch that reaches the network at one size."""
        predictions: dict[int, Prediction] = {}
        with stopwatch.stage("preprocess"):
            pixels = self._pixels(frames)
        with stopwatch.stage("network"):
            outputs, first = self.runtime.part(pixels, _channels(readings), normals="normals" in wanted)
            if self.device.type == "cuda":  # pragma: no cover (needs CUDA)
                torch.cuda.synchronize(self.device)  # else the time would count as post-processing
        with stopwatch.stage("postprocess"):
            for rows in _groups(range(len(frames)), lambda i: (frames[i].image.shape[:2], readings[i])):
                height, width = frames[rows[0]].image.shape[:2]
                reading = readings[rows[0]].from_channel(first)
                found = self._read(_rows(outputs, rows), (height, width), reading, wanted)
                predictions.update(zip(rows, found, strict=True))
        return [predictions[i] for i in range(len(predictions))]

    def reading(self, domain: str | None = None) -> Reading:
        """A reading by one of the domains that the network's head holds.

        Raises:
            DomainError: The head does not hold it.
        """
        read = get_domain(domain, self.network.num_classes) if domain else self.domain
        return Reading(read, temperature=self.temperatures.get(read.name, 1.0))

    def training_focal_length(self, domain: Domain) -> float | None:
        """Focal length in pixels of the camera whose metres the network speaks; None where it learnt from several."""
        if domain.image_width is None:
            return None
        return domain.focal_length_at(self.image_width or domain.image_width)

    def describe(self) -> str:
        """What runs the network and why, in one line."""
        return self.choice.describe()

    def _seen_size(self, frame: Frame) -> tuple[int, int]:
        """(height, width) at which the network sees a frame."""
        height, width = frame.image.shape[:2]
        return self.network_size or (height, width)

    def _read(
        self, outputs: Outputs, size: tuple[int, int], reading: Reading, wanted: Collection[str]
    ) -> list[Prediction]:
        return to_predictions(outputs, size, reading, wanted)

    def _pixels(self, frames: Sequence[Frame]) -> torch.Tensor:
        # Images of different sizes that the network sees at one size are resized apart, then stacked.
        groups = _groups(frames, lambda frame: frame.image.shape)
        size = self._seen_size(frames[0])
        parts = [to_pixels([frames[i].image for i in group], self.device, size) for group in groups]
        if len(parts) == 1:
            return parts[0]
        order = torch.tensor([i for group in groups for i in group], device=self.device).argsort()
        return torch.cat([part.float() for part in parts])[order]


def _groups(items: Sequence[T], key: Callable[[T], Any]) -> list[list[int]]:
    """Indices of the items, those of an equal key together, in the order they come."""
    found: list[tuple[Any, list[int]]] = []
    for index, item in enumerate(items):
        value = key(item)
        for known, indices in found:
            if known == value:
                indices.append(index)
                break
        else:
            found.append((value, [index]))
    return [indices for _, indices in found]


def _channels(readings: Sequence[Reading]) -> range:
    """Of the segmentation head, the channels that the readings span."""
    domains = [reading.domain for reading in readings]
    return range(
        min(domain.first_channel for domain in domains),
        max(domain.first_channel + domain.num_classes for domain in domains),
    )


def _rows(outputs: Outputs, rows: list[int]) -> Outputs:
    """The outputs of some images of a batch."""
    if len(rows) == len(outputs.segm):
        return outputs
    normal = None if outputs.normal is None else outputs.normal[rows]
    return Outputs(outputs.segm[rows], outputs.depth[rows], normal)


def load_engine(
    weights: str,
    domain: str | None = None,
    device: str = "auto",
    network_size: tuple[int, int] | None = None,
    runtime: str | None = None,
    precision: str = "fp32",
) -> Engine:
    """Build an engine from weights.

    Args:
        weights: A name (`joint_perception weights list`) or the path of a checkpoint, of a network that
            `joint_perception export` wrote, or of a contract (see `graph.contract`).
        domain: `nyud`, `kitti` or `nyud_kitti`; None or empty: the domain of the named weights, else the one
            whose number of classes the checkpoint has.
        device: See `Engine`.
        network_size: See `Engine`.
        runtime: `torch`, `openvino`, `onnxruntime`, `tensorrt`; or `auto`, the fastest that is installed and agrees.
            None: plain torch for a checkpoint, for any other file what is made for it.
        precision: `fp32`, `fp16` or `bf16`.

    Raises:
        WeightsError, CheckpointError, DomainError, EngineError: Named after what is wrong.
    """
    from joint_perception.engine.graph.engine import load_graph_engine  # noqa: PLC0415 (it is an Engine)

    located = resolve_weights(weights)
    if is_graph(located.path):
        return load_graph_engine(located.path, domain, device, network_size, runtime, precision)
    network = load_network(located.path)
    name = domain or located.domain or _domain_of(network.num_classes, weights)
    known = get_domain(name, network.num_classes)
    place = select_device(device)
    opened, choice = choose_runtime(runtime or "torch", network.to(place), place, precision)
    temperatures = read_temperatures(located.path)
    return Engine(network, known, device, network_size, located.image_width, temperatures, opened, choice)


def _domain_of(num_classes: int, weights: str) -> str:
    for domain in DOMAINS.values():
        if domain.num_classes == num_classes:
            return domain.name
    known = ", ".join(f"{d.name} ({d.num_classes})" for d in DOMAINS.values())
    raise DomainError(f"weights {weights!r} have {num_classes} classes, which is no known domain: {known}")
