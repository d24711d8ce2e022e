# SPDX-License-Identifier: Apache-2.0
"""What runs a network that comes as a file: ONNX Runtime, OpenVINO or TorchScript, behind one interface."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from joint_perception.engine.graph.contract import MODEL_SUFFIXES, ContractError
from joint_perception.engine.runtimes.openvino_core import openvino_core

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[Any]]

# Where the contract lies in a file: a key of ONNX's metadata_props and of OpenVINO's rt_info, a name among
# TorchScript's extra files.
METADATA_KEY = "joint_perception"
_ONNX_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_PACKAGES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


@dataclass(frozen=True)
class Port:
    """An input or an output: its name, its type in NumPy's word, None for an axis of any length."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


class Session(ABC):
    """A network that runs.

    Attributes:
        runtime: `onnxruntime`, `openvino` or `torch`.
        inputs: What it takes.
        outputs: What it gives.
        metadata: What `joint_perception export` wrote into the file: `contract` and others; empty in other files.
        description: Runtime, version and device, for a person.
    """

    runtime: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    description: str

    @abstractmethod
    def run(self, batch: npt.NDArray[Any]) -> Arrays:
        """Give a batch to the first input; the outputs by their names."""


def open_session(path: Path, device: torch.device, runtime: str = "auto", precision: str = "fp32") -> Session:
    """Open a network's file.

    Args:
        path: `.onnx`, OpenVINO's `.xml` or TorchScript's `.ts`.
        device: Where it runs.
        runtime: `auto`, or `onnxruntime`, `openvino` or `torch` for a file that it reads.
        precision: Of the sums: `fp32`; `bf16` and `fp16` in OpenVINO only. Other files keep what they were made with.

    Raises:
        ContractError: The file is damaged, is for another runtime, or the runtime is not installed.
    """
    if not path.is_file():
        raise ContractError(f"network {str(path)!r} is not a file; check the path (under model, in a contract)")
    suffix = path.suffix.lower()
    readers = {".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",), ".ts": ("torch",)}.get(suffix)
    if readers is None:
        raise ContractError(f"network {str(path)!r} ends in {suffix!r}; give one of {', '.join(MODEL_SUFFIXES)}")
    if runtime == "auto":
        runtime = next((name for name in readers if find_spec(name)), readers[0])
    if runtime not in readers:
        raise ContractError(f"runtime {runtime!r} does not read {str(path)!r}; use auto or {' or '.join(readers)}")
    if precision != "fp32" and runtime != "openvino":
        raise ContractError(
            f"precision {precision!r} cannot be had for {str(path)!r} in {runtime}; use fp32 (the file keeps the "
            "format it was made with), or runtime openvino"
        )
    try:
        if runtime == "openvino":
            return OpenVinoSession(path, device, precision)
        return OnnxSession(path, device) if runtime == "onnxruntime" else TorchScriptSession(path, device)
    except ContractError:
        raise
    except Exception as error:  # each of the three has errors of its own for a file that it cannot read
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ContractError(f"network {str(path)!r} cannot be read by {runtime}: {reason}; export it again") from error


def _package(name: str, path: Path) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ContractError(
            f"network {str(path)!r} needs {_PACKAGES[name]}, which is not installed; `pip install {name}` does it"
        ) from error


class OnnxSession(Session):
    """A network in ONNX Runtime, on the CPU or, with onnxruntime-gpu, on CUDA."""

    runtime = "onnxruntime"

    def __init__(self, path: Path, device: torch.device) -> None:
        onnxruntime = _package("onnxruntime", path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; warnings of the optimiser are nothing a user can act upon
        providers: list[Any] = ["CPUExecutionProvider"]
        if (
            device.type == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        ):  # pragma: no cover (needs CUDA)
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
        elif device.type == "cuda":  # pragma: no cover (needs CUDA)
            raise ContractError(
                f"network {str(path)!r} cannot run on {device}: this ONNX Runtime {onnxruntime.__version__} is built "
                "without CUDA; `pip install onnxruntime-gpu`, or use device cpu"
            )
        self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        self.inputs = tuple(map(_onnx_port, self._session.get_inputs()))
        self.outputs = tuple(map(_onnx_port, self._session.get_outputs()))
        self.metadata = _metadata(self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY))
        self.description = f"ONNX Runtime {onnxruntime.__version__} on {device}"

    def run(self, batch: npt.NDArray[Any]) -> Arrays:
        """See `Session`."""
        found = self._session.run(None, {self.inputs[0].name: batch})
        return dict(zip((port.name for port in self.outputs), found, strict=True))


class OpenVinoSession(Session):
    """A network in OpenVINO, on the CPU, in the precision asked for: by itself it takes bf16 where the CPU has it."""

    runtime = "openvino"

    def __init__(self, path: Path, device: torch.device, precision: str = "fp32") -> None:
        openvino = _package("openvino", path)
        if device.type != "cpu":
            raise ContractError(f"network {str(path)!r} cannot run on {device} in OpenVINO; use device cpu")
        core = openvino_core()
        model = core.read_model(str(path))
        # Where our export puts it, and where OpenVINO puts the properties of an ONNX file.
        places = ([METADATA_KEY, "all"], ["framework", METADATA_KEY])
        info = next((model.get_rt_info(place).value for place in places if model.has_rt_info(place)), None)
        hint = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}[precision]
        settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        compiled = core.compile_model(model, "CPU", settings)
        self._request = compiled.create_infer_request()
        self.inputs = tuple(_openvino_port(port, port.any_name) for port in compiled.inputs)
        # An output may have several names: that of the operation beside the one it was given.
        self.outputs = tuple(_openvino_port(port, name) for port in compiled.outputs for name in sorted(port.names))
        self.metadata = _metadata(info)
        self.description = f"OpenVINO {openvino.__version__.partition('-')[0]} on {device}"

    def run(self, batch: npt.NDArray[Any]) -> Arrays:
        """See `Session`."""
        self._request.infer({self.inputs[0].name: batch})
        # Copies: the next call overwrites what the request holds.
        return {port.name: self._request.get_tensor(port.name).data.copy() for port in self.outputs}


class TorchScriptSession(Session):
    """A network as TorchScript, by `joint_perception export`: a plain one does not name what it takes and gives."""

    runtime = "torch"

    def __init__(self, path: Path, device: torch.device) -> None:
        extra = {METADATA_KEY: ""}
        self._module = torch.jit.load(str(path), device, extra)  # type: ignore[no-untyped-call]
        self._device = device
        text = extra[METADATA_KEY]
        self.metadata = _metadata(text.decode() if isinstance(text, bytes) else text)
        ports = json.loads(self.metadata.get("ports", "null"))
        if ports is None:
            raise ContractError(
                f"network {str(path)!r} was not written by `joint_perception export`; use ONNX for others"
            )
        self.inputs, self.outputs = (
            tuple(Port(name, dtype, shape and tuple(shape)) for name, dtype, shape in ports[way])
            for way in ("inputs", "outputs")
        )
        self.description = f"TorchScript in torch {torch.__version__} on {device}"

    @torch.inference_mode()
    def run(self, batch: npt.NDArray[Any]) -> Arrays:
        """See `Session`."""
        # Its optimiser would take seconds for each new size.
        with torch.jit.optimized_execution(should_optimize=False):  # type: ignore[attr-defined]
            found = self._module(torch.from_numpy(batch).to(self._device))
        return {port.name: value.cpu().numpy() for port, value in zip(self.outputs, found, strict=True)}


def _onnx_port(value: Any) -> Port:
    shape = tuple(length if isinstance(length, int) else None for length in value.shape)
    return Port(value.name, _ONNX_TYPES.get(value.type, value.type), shape)


def _openvino_port(value: Any, name: str) -> Port:
    shape = None
    if not value.partial_shape.rank.is_dynamic:
        shape = tuple(None if length.is_dynamic else length.get_length() for length in value.partial_shape)
    dtype = np.dtype(value.element_type.to_dtype()).name
    return Port(name, dtype, shape)


def _metadata(text: str | None) -> dict[str, str]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
