# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: the fastest on x86 CPUs. An optional package."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from joint_perception.engine.errors import RuntimeUnavailableError
from joint_perception.engine.runtimes.cache import cache_directory, cached_file, digest
from joint_perception.engine.runtimes.graph import PixelNetwork
from joint_perception.engine.runtimes.runtime import Runtime
from joint_perception.engine.runtimes.torch_runtime import as_outputs, one_thread

if TYPE_CHECKING:
    from joint_perception.network import JointNetwork, Outputs

_TRACED = (1, 64, 96, 3)  # the size does not stay in the graph
_KEPT = 8  # shapes of input that stay compiled
_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoRuntime(Runtime):
    """The graph compiled by OpenVINO for this CPU, anew for each shape of input; compiled models stay on disk.

    Args:
        network: Left as it is.
        device: The CPU.
        precision: fp32 or bf16; always told to OpenVINO, which takes bf16 unasked where the CPU has it.

    Raises:
        RuntimeUnavailableError: No package, another device, or a precision this CPU does not have.
    """

    name = "openvino"

    def __init__(self, network: JointNetwork, device: torch.device, precision: str = "fp32") -> None:
        ov = _openvino()
        self._core = ov.Core()
        _check(self._core, device, precision)
        super().__init__(device, precision, network.num_classes, network.num_tasks)
        self._model = _read(ov, self._core, network)
        self._settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "CACHE_DIR": str(cache_directory() / "openvino"),
        }
        self._ov = ov
        self._requests: OrderedDict[tuple[tuple[int, ...], torch.dtype], Any] = OrderedDict()
        self._alone = threading.Lock()

    @torch.inference_mode()
    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """As of `Runtime`."""
        with self._alone:  # a request holds one input at a time
            found = self._request(tuple(pixels.shape), pixels.dtype).infer([pixels.numpy()], share_inputs=True)
            return as_outputs(tuple(torch.from_numpy(found[index]) for index in range(self.num_tasks)))

    def _request(self, shape: tuple[int, ...], dtype: torch.dtype) -> Any:
        key = shape, dtype
        if key in self._requests:
            self._requests.move_to_end(key)
            return self._requests[key]
        model = self._model.clone()
        if dtype == torch.uint8:
            steps = self._ov.preprocess.PrePostProcessor(model)
            steps.input().tensor().set_element_type(self._ov.Type.u8)
            model = steps.build()
        model.reshape(list(shape))
        request = self._compile(model).create_infer_request()
        self._requests[key] = request
        while len(self._requests) > _KEPT:
            self._requests.popitem(last=False)
        return request

    def _compile(self, model: Any) -> Any:
        try:
            return self._core.compile_model(model, "CPU", self._settings)
        except RuntimeError:  # such as a cache that cannot be written, or is damaged: do without, from now on
            if self._settings.pop("CACHE_DIR", None) is None:
                raise
            return self._core.compile_model(model, "CPU", self._settings)


def convert(network: JointNetwork) -> Any:
    """The network as an openvino.Model of any size: float32 pixels as of `PixelNetwork` in, its heads out."""
    ov = _openvino()
    with torch.inference_mode(), one_thread():
        return ov.convert_model(PixelNetwork(network).cpu(), example_input=torch.zeros(_TRACED))


def _openvino() -> Any:
    try:
        import openvino  # noqa: PLC0415 (optional, and slow to load)
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"runtime 'openvino' needs the package openvino ({error}); install it: pip install openvino"
        ) from error
    return openvino


def _check(core: Any, device: torch.device, precision: str) -> None:
    if device.type != "cpu":
        raise RuntimeUnavailableError(f"runtime 'openvino' runs on the CPU here, and the device is {device}; use torch")
    if precision not in _PRECISIONS:
        raise RuntimeUnavailableError(f"runtime 'openvino' has no precision {precision} on CPUs; use bf16 or fp32")
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise RuntimeUnavailableError("this CPU does not compute in bf16 (AVX512_BF16 or AMX); use precision fp32")


def _read(ov: Any, core: Any, network: JointNetwork) -> Any:
    path = cached_file(
        f"{digest(network)}.openvino-{ov.__version__.split('-')[0]}.xml",
        lambda path: ov.save_model(convert(network), path, compress_to_fp16=False),
    )
    if path is not None:
        with suppress(RuntimeError):  # a damaged file
            return core.read_model(path)
    return convert(network)
