# SPDX-License-Identifier: Apache-2.0
"""A network that comes as a file: pixels to its input, its outputs to what the engine reads, as its contract says."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from joint_perception.domains.domain import VOID_ID
from joint_perception.engine.compiled_postprocess import to_predictions
from joint_perception.engine.frame import EVERYTHING
from joint_perception.engine.graph.contract import ContractError
from joint_perception.engine.postprocess import Terms, conclude, on_host, resize
from joint_perception.engine.runtimes.runtime import Runtime
from joint_perception.network import Outputs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy.typing as npt

    from joint_perception.engine.frame import Prediction
    from joint_perception.engine.graph.contract import Contract, InputContract
    from joint_perception.engine.graph.session import Port, Session
    from joint_perception.engine.reading import Reading

_PROBE_SIZE = (128, 160)  # height and width differ, so that axes in a wrong order are noticed
_TYPES = ("float32", "float16", "uint8")
_TINY = 1e-30  # a probability of zero has no logarithm


class GraphRuntime(Runtime):
    """A session and its contract, checked against each other by one pass over a black image.

    Args:
        session: The network.
        contract: What it takes and gives.
        source: What errors call the network.
        device: Where the pixels are taken and the outputs are left.
        precision: Of the sums inside.
        network_size: (height, width) asked for; None: what the network takes, or the image's own size.

    Attributes:
        channels: Of the logits or probabilities; None where the network gives labels.
        network_size: (height, width) of every input; None: see `size_for`.
        description: The runtime, for a person.

    Raises:
        ContractError: The network is not as the contract says, or does not take `network_size`.
    """

    def __init__(
        self,
        session: Session,
        contract: Contract,
        source: str,
        device: torch.device,
        precision: str = "fp32",
        network_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(device, precision, 0, 2 if contract.outputs.normals is None else 3)
        self.name, self.description = session.runtime, session.description
        self._session, self._contract, self.source = session, contract, source
        self._input = _input_port(session.inputs, contract.input, source)
        for key, name in _output_names(contract).items():
            known = [port.name for port in session.outputs]
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
                raise ContractError(f"{source}: {key} is {name!r}, which is no output; {hint}")
        axes = self._input.shape or (None,) * 4
        high, wide = axes[2:] if contract.input.layout == "NCHW" else axes[1:3]
        self._batch = axes[0]
        self._fixed = self._fixed_size(high, wide)
        if network_size is not None and network_size != self.size_for(network_size):
            height, width = self.size_for(network_size)
            raise ContractError(
                f"{source} takes {width}x{height}, not the network size {network_size[1]}x{network_size[0]} "
                "(width x height); leave the network size out, or give that"
            )
        self.network_size = network_size or self._fixed
        height, width = self.network_size or self.size_for(_PROBE_SIZE)
        found = self(torch.zeros(1, height, width, 3, dtype=torch.uint8, device=device))
        self.channels = None if contract.outputs.segmentation.kind == "labels" else found.segm.shape[1]
        self.num_classes = contract.domain_called(None, self.channels).num_classes

    def size_for(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) at which the network sees an image of that size."""
        if self._fixed is not None:
            return self._fixed
        step = self._contract.input.multiple_of
        return max(round(size[0] / step), 1) * step, max(round(size[1] / step), 1) * step

    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """Run the network.

        Args:
            pixels: As of `Runtime`.

        Returns:
            Of `Runtime`, with what the contract says in place of logits: probabilities, or ids and, in a second
            channel, their confidence; and depth in metres. `read` knows.

        Raises:
            ContractError: It refuses the input, or its outputs are not as the contract says.
        """
        batch = self._to_input(pixels)
        step = self._batch or len(batch)
        found = [self._run(batch[start : start + step]) for start in range(0, len(batch), step)]
        joined = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        outputs = self._outputs(joined, batch)
        return Outputs(*(None if x is None else x.to(self.device) for x in outputs))  # type: ignore[arg-type]

    def read(
        self, outputs: Outputs, size: tuple[int, int], reading: Reading, wanted: Collection[str] = EVERYTHING
    ) -> list[Prediction]:
        """What `__call__` gave to predictions; see `to_predictions`."""
        kind = self._contract.outputs.segmentation.kind
        if kind == "logits":
            return to_predictions(outputs, size, reading, wanted)
        if kind == "probabilities":
            logits = resize(outputs.segm, size).clamp_min(_TINY).log()
            return to_predictions(outputs._replace(segm=logits), size, reading, wanted)
        # Ids are never interpolated, and an id that no class has is void.
        labels = functional.interpolate(outputs.segm[:, :1], size, mode="nearest-exact")[:, 0]
        known = (labels >= 0) & (labels < reading.domain.num_classes)
        labels = torch.where(known, labels, VOID_ID).to(torch.uint8)
        certain = torch.ones_like(labels, dtype=torch.float32)
        confidence = resize(outputs.segm[:, 1:], size)[:, 0] if outputs.segm.shape[1] > 1 else certain
        normal = outputs.normal if "normals" in wanted else None
        terms = Terms.of([reading] * len(labels)).to(labels.device)
        return on_host(conclude(labels, confidence, outputs.depth, normal, size, terms), wanted)

    def _to_input(self, pixels: torch.Tensor) -> npt.NDArray[Any]:
        given = self._contract.input
        x = pixels.flip(3) if given.colors == "BGR" else pixels
        if self._input.dtype == "uint8":
            x = x if x.dtype == torch.uint8 else x.round().clamp(0, 255).to(torch.uint8)
        else:
            x = x.float()
            if not given.is_plain:
                mean, std = (
                    torch.tensor(numbers, device=x.device).mul(given.divisor) for numbers in (given.mean, given.std)
                )
                x = x.sub(mean).div(std)
        if given.layout == "NCHW":
            x = x.permute(0, 3, 1, 2)
        if self._input.dtype == "float16":
            x = x.half()
        array: npt.NDArray[Any] = x.contiguous().cpu().numpy()
        return array

    def _fixed_size(self, height: int | None, width: int | None) -> tuple[int, int] | None:
        told = self._contract.input.size
        own = (width if told is None else told[0], height if told is None else told[1])
        if told is not None and (width not in (None, told[0]) or height not in (None, told[1])):
            raise ContractError(
                f"{self.source}: input.size is {list(told)} but the file takes {[width, height]}; leave it out"
            )
        if own[0] is None or own[1] is None:
            return None
        return own[1], own[0]

    def _run(self, batch: npt.NDArray[Any]) -> Mapping[str, npt.NDArray[Any]]:
        short = (self._batch or len(batch)) - len(batch)
        if short:  # the last part of a batch, for a network that takes a fixed number
            batch = np.concatenate([batch, np.repeat(batch[-1:], short, axis=0)])
        try:
            found = self._session.run(batch)
        except Exception as error:  # of three runtimes, each with errors of its own
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ContractError(
                f"{self.source} refuses an input of {batch.shape} {batch.dtype}: {reason}; check input.layout, "
                "input.size and input.multiple_of of its contract"
            ) from error
        return {name: array[: len(array) - short] for name, array in found.items()}

    def _outputs(self, found: Mapping[str, npt.NDArray[Any]], batch: npt.NDArray[Any]) -> Outputs:
        given = self._contract.outputs
        height, width = batch.shape[2:] if self._contract.input.layout == "NCHW" else batch.shape[1:3]
        size = (len(batch), height, width)
        segmentation, normals = given.segmentation, given.normals
        segm, normal = torch.from_numpy(found[segmentation.name]).float(), None
        if segmentation.kind != "labels":
            segm = self._channels_first("segmentation", segmentation.name, segm, segmentation.layout, size)
        else:
            segm = self._plane("segmentation", segmentation.name, segm, size)
            if segmentation.confidence is not None:
                told = torch.from_numpy(found[segmentation.confidence]).float()
                told = self._plane("segmentation.confidence", segmentation.confidence, told, size)
                segm = torch.cat([segm, resize(told, (segm.shape[2], segm.shape[3]))], dim=1)
        depth = self._plane("depth", given.depth.name, torch.from_numpy(found[given.depth.name]).float(), size)
        if normals is not None:
            vectors = torch.from_numpy(found[normals.name]).float()
            normal = self._channels_first("normals", normals.name, vectors, normals.layout, size)
            if normal.shape[1] != 3:  # noqa: PLR2004
                raise ContractError(
                    f"{self.source}: output {normals.name!r} has {normal.shape[1]} channels; normals have 3"
                )
        return Outputs(segm, self._metres(depth), normal)

    def _metres(self, depth: torch.Tensor) -> torch.Tensor:
        given = self._contract.outputs.depth
        if (given.scale, given.shift) != (1.0, 0.0):
            depth = depth * given.scale + given.shift
        if given.kind == "absolute":
            return depth
        if given.kind == "inverse":
            depth = depth.reciprocal()
        return torch.where(depth >= 0, depth, torch.nan)  # behind the camera there is no depth

    def _channels_first(
        self, key: str, name: str, x: torch.Tensor, layout: str, size: tuple[int, int, int]
    ) -> torch.Tensor:
        shape = tuple(x.shape)
        if x.ndim != 4:  # noqa: PLR2004
            raise ContractError(f"{self.source}: output {name!r} ({key}) is {shape}; four axes are wanted, {layout}")
        x = x if layout == "NCHW" else x.permute(0, 3, 1, 2)
        if not _is_grid(tuple(x.shape), size):
            other = "NHWC" if layout == "NCHW" else "NCHW"
            raise ContractError(
                f"{self.source}: output {name!r} is {shape} for {size[0]} image(s) of {size[2]}x{size[1]}, which is "
                f"not {layout}; try outputs.{key}.layout: {other}, or another output"
            )
        return x.contiguous()

    def _plane(self, key: str, name: str, x: torch.Tensor, size: tuple[int, int, int]) -> torch.Tensor:
        shape = tuple(x.shape)
        if x.ndim == 4 and x.shape[3] == 1 and x.shape[1] != 1:  # noqa: PLR2004
            x = x.permute(0, 3, 1, 2)
        if x.ndim == 3:  # noqa: PLR2004
            x = x[:, None]
        if x.ndim != 4 or x.shape[1] != 1 or not _is_grid(tuple(x.shape), size):  # noqa: PLR2004
            raise ContractError(
                f"{self.source}: output {name!r} ({key}) is {shape} for {size[0]} image(s) of {size[2]}x{size[1]}; one "
                "number a pixel is wanted, (N, H, W) or with one channel. Check its name and kind"
            )
        return x.contiguous()


def _is_grid(shape: tuple[int, ...], size: tuple[int, int, int]) -> bool:
    """Whether (N, C, h, w) are N grids over images of a size, at whatever scale."""
    count, height, width = size
    # Each side may have been rounded by up to a cell.
    same_aspect = abs(shape[2] * width - shape[3] * height) <= max(height, width)
    return shape[0] == count and shape[2] <= height * 2 and same_aspect


def _input_port(ports: Sequence[Port], given: InputContract, source: str) -> Port:
    names = ", ".join(port.name for port in ports)
    if given.name is None and len(ports) != 1:
        raise ContractError(f"{source} has the inputs {names}; say which under input.name")
    port = next((port for port in ports if given.name in (None, port.name)), None)
    if port is None:
        raise ContractError(f"{source}: input.name is {given.name!r}, which is no input; it has {names}")
    if len(ports) > 1:
        raise ContractError(f"{source} has {len(ports)} inputs ({names}); only networks of one image can be used")
    if port.dtype not in _TYPES:
        raise ContractError(f"{source}: input {port.name!r} takes {port.dtype}; {', '.join(_TYPES)} can be given")
    if port.dtype == "uint8" and not given.is_plain:
        raise ContractError(
            f"{source}: input {port.name!r} takes bytes, but input says divisor {given.divisor}, mean "
            f"{list(given.mean)}, std {list(given.std)}; bytes go in as they are: divisor 1, no mean, no std"
        )
    if port.shape is not None and len(port.shape) != 4:  # noqa: PLR2004
        raise ContractError(f"{source}: input {port.name!r} has {len(port.shape)} axes; {given.layout} has four")
    channel = None if port.shape is None else port.shape[1 if given.layout == "NCHW" else 3]
    if channel not in (None, 3):
        raise ContractError(
            f"{source}: input {port.name!r} is {port.shape}, not 3 channels in {given.layout}; check input.layout"
        )
    return port


def _output_names(contract: Contract) -> dict[str, str]:
    outputs = contract.outputs
    names = {"outputs.segmentation.name": outputs.segmentation.name, "outputs.depth.name": outputs.depth.name}
    if outputs.segmentation.confidence is not None:
        names["outputs.segmentation.confidence"] = outputs.segmentation.confidence
    if outputs.normals is not None:
        names["outputs.normals.name"] = outputs.normals.name
    return names
