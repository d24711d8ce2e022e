# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: the fastest on x86 CPUs. An optional package."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from joint_perception.engine.errors import RuntimeUnavailableError
from joint_perception.engine.recent import Recent
from joint_perception.engine.runtimes.cache import cache_directory, cached_file, digest
from joint_perception.engine.runtimes.graph import PixelNetwork
from joint_perception.engine.runtimes.openvino_core import openvino_core
from joint_perception.engine.runtimes.openvino_sections import Sections
from joint_perception.engine.runtimes.runtime import Runtime
from joint_perception.engine.runtimes.sections import Trunk
from joint_perception.engine.runtimes.torch_runtime import as_outputs, one_thread
from joint_perception.kernels import available

if TYPE_CHECKING:
    from joint_perception.network import JointNetwork, Outputs

_TRACED = (1, 64, 96, 3)  # the size does not stay in the graph
_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoRuntime(Runtime):
    """The graph compiled by OpenVINO for this CPU, anew for each shape of input; compiled models stay on disk.

    With Numba the network goes in `sections`, else in one piece.

    Args:
        network: Left as it is.
        device: The CPU.
        precision: fp32 or bf16; always told to OpenVINO, which takes bf16 unasked where the CPU has it.

    Raises:
        RuntimeUnavailableError: No package, another device, or a precision this CPU does not have.
    """

    name = "openvino"

    def __init__(self, network: JointNetwork, device: torch.device, precision: str = "fp32") -> None:
        self._ov = _openvino()
        self._core = openvino_core()
        _check(self._core, device, precision)
        super().__init__(device, precision, network.num_classes, network.num_tasks)
        self._settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "CACHE_DIR": str(cache_directory() / "openvino"),
        }
        graph, name = PixelNetwork(network).cpu(), digest(network)
        self._alone = threading.Lock()
        self._sections: Sections | None = None
        if available():
            trunk = self._read(f"{name}.trunk", Trunk(graph))
            self._sections = Sections(self._ov, self._compile, trunk, graph, half=precision == "bf16")
        else:
            self._model = self._read(name, graph)
            self._requests: Recent[Any] = Recent()

    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """As of `Runtime`."""
        return self.part(pixels, range(self.num_classes), normals=True)[0]

    @torch.inference_mode()
    def part(self, pixels: torch.Tensor, channels: range, *, normals: bool) -> tuple[Outputs, int]:
        """As of `Runtime`."""
        with self._alone:  # a request holds one input at a time
            if self._sections is not None:
                found = self._sections(pixels, channels, normals=normals)
                return as_outputs(found), channels.start
            request = self._requests.get((tuple(pixels.shape), pixels.dtype), lambda: self._request(pixels))
            heads = request.infer([pixels.numpy()], share_inputs=True)
            return as_outputs(tuple(torch.from_numpy(heads[index]) for index in range(self.num_tasks))), 0

    def _request(self, pixels: torch.Tensor) -> Any:
        model = self._model.clone()
        if pixels.dtype == torch.uint8:
            steps = self._ov.preprocess.PrePostProcessor(model)
            steps.input().tensor().set_element_type(self._ov.Type.u8)
            model = steps.build()
        model.reshape(list(pixels.shape))
        return self._compile(model).create_infer_request()

    def _compile(self, model: Any) -> Any:
        try:
            return self._core.compile_model(model, "CPU", self._settings)
        except RuntimeError:  # such as a cache that cannot be written, or is damaged: do without, from now on
            if self._settings.pop("CACHE_DIR", None) is None:
                raise
            return self._core.compile_model(model, "CPU", self._settings)

    def _read(self, name: str, module: torch.nn.Module) -> Any:
        def converted() -> Any:
            with torch.inference_mode(), one_thread():
                return self._ov.convert_model(module, example_input=torch.zeros(_TRACED))

        path = cached_file(
            f"{name}.openvino-{self._ov.__version__.split('-')[0]}.xml",
            lambda path: self._ov.save_model(converted(), path, compress_to_fp16=False),
        )
        if path is not None:
            with suppress(RuntimeError):  # a damaged file
                return self._core.read_model(path)
        return converted()


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
