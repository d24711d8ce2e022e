# SPDX-License-Identifier: Apache-2.0
"""The network's sections on OpenVINO, with the block between them in one compiled pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from joint_perception.engine.recent import Recent
from joint_perception.engine.runtimes.sections import HEADS, Block, Heads
from joint_perception.engine.runtimes.torch_runtime import one_thread
from joint_perception.network.model import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from joint_perception.engine.runtimes.graph import PixelNetwork


@dataclass(frozen=True)
class _Heads:
    request: Any
    inputs: tuple[npt.NDArray[Any], ...]  # each (N, h, w, 256), which the request reads; the first is the trunk's
    factors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Trunk:
    request: Any
    out: npt.NDArray[Any]  # (N, h, w, 256), which the request writes
    heads: Recent[_Heads] = field(default_factory=Recent)


class Sections:
    """Runs them; what lies between is computed in float32 and kept in the network's number format.

    Args:
        ov: The package.
        compile_model: Of a model.
        trunk: The model of `sections.Trunk`.
        graph: The network's other sections.
        half: In bfloat16, not in float32.
    """

    def __init__(
        self,
        ov: Any,
        compile_model: Callable[[Any], Any],
        trunk: Any,
        graph: PixelNetwork,
        *,
        half: bool,
    ) -> None:
        self._ov, self._compile, self._model, self._graph, self._half = ov, compile_model, trunk, graph, half
        self._block = Block(graph)
        self._dtype = np.uint16 if half else np.float32  # NumPy has no bfloat16: its bits
        self._type = ov.Type.bf16 if half else ov.Type.f32
        self._trunks: Recent[_Trunk] = Recent()
        self._models: Recent[Any] = Recent()

    def __call__(self, pixels: torch.Tensor, channels: range, *, normals: bool) -> tuple[torch.Tensor, ...]:
        """Run what is wanted.

        Args:
            pixels: As of `Runtime`.
            channels: Of the segmentation head.
            normals: Whether the head for normals, if there is one, is wanted.

        Returns:
            Of each head (N, h, w, channels) float32.
        """
        from joint_perception.kernels import pooling  # noqa: PLC0415 (needs Numba)

        names = tuple(name for name in HEADS if name in self._block.heads and (normals or name != "normal"))
        trunk = self._trunks.get((tuple(pixels.shape), pixels.dtype), lambda: self._open_trunk(pixels))
        heads = trunk.heads.get((names, channels), lambda: self._open_heads(trunk.out, names, channels))
        trunk.request.infer([pixels.numpy()], share_inputs=True, share_outputs=True)
        pooling.pooled(trunk.out, self._half, self._block.scales, heads.factors, heads.inputs)
        found = heads.request.infer()
        return tuple(torch.from_numpy(found[index]) for index in range(len(names)))

    def _open_trunk(self, pixels: torch.Tensor) -> _Trunk:
        steps = self._ov.preprocess.PrePostProcessor(self._model.clone())
        if pixels.dtype == torch.uint8:
            steps.input().tensor().set_element_type(self._ov.Type.u8)
        steps.output().tensor().set_element_type(self._type)
        model = steps.build()
        model.reshape(list(pixels.shape))
        request = self._compile(model).create_infer_request()
        out = np.empty(tuple(request.model_outputs[0].shape), self._dtype)
        request.set_output_tensor(self._tensor(out))
        return _Trunk(request, out)

    def _open_heads(self, out: npt.NDArray[Any], names: tuple[str, ...], channels: range) -> _Heads:
        # The first head's input takes the trunk's place: memory that is at hand already.
        inputs = (out, *(np.empty_like(out) for _ in names[1:]))
        model = self._models.get((names, channels), lambda: self._convert(names, channels)).clone()
        model.reshape({index: list(out.shape) for index in range(len(names))})
        request = self._compile(model).create_infer_request()
        for index, array in enumerate(inputs):
            request.set_input_tensor(index, self._tensor(array))
        return _Heads(request, inputs, np.stack([self._block.heads[name] for name in names]))

    def _convert(self, names: tuple[str, ...], channels: range) -> Any:
        with torch.inference_mode(), one_thread():
            example = tuple(torch.zeros(1, 8, 8, WIDTH) for _ in names)
            model = self._ov.convert_model(Heads(self._graph, names, channels), example_input=example)
        steps = self._ov.preprocess.PrePostProcessor(model)
        for index in range(len(names)):
            steps.input(index).tensor().set_element_type(self._type)
        return steps.build()

    def _tensor(self, array: npt.NDArray[Any]) -> Any:
        return self._ov.Tensor(array, self._ov.Shape(list(array.shape)), self._type)
