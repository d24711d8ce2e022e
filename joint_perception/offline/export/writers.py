# SPDX-License-Identifier: Apache-2.0
"""Graphs to files: ONNX, OpenVINO, TorchScript, each with what it takes and gives written into it."""

from __future__ import annotations

import inspect
import json
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from joint_perception.engine.graph.session import METADATA_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joint_perception.offline.export.graphs import Graph

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".ts"}
# Opset 17 (2022) has all that the network needs, and TensorRT 8, OpenVINO 2022 and ONNX Runtime 1.12 read it.
OPSET = 17
# The size a network of any size is traced at; no part of the graph depends on it.
_TRACED = (96, 128)


class ExportError(RuntimeError):
    """An export that cannot be made here."""


def write_graph(
    graph: Graph, target: Path, kind: str, size: tuple[int, int] | None, metadata: Mapping[str, str], *, half: bool
) -> None:
    """Write a graph; the file is there only once it is whole.

    Args:
        graph: In evaluation mode, on the CPU.
        target: The file; OpenVINO puts a `.bin` of the same name beside it.
        kind: `onnx`, `openvino` or `torchscript`.
        size: (height, width) that it takes, of one image at a time; None: any size and number.
        metadata: By key: `contract`, which is what a program reads, and others, for people.
        half: Whether its parameters are float16: they are kept so.

    Raises:
        ExportError: A package is missing, or the network cannot be written so.
        OSError: The file cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracers warn of every size they meet, and of their own successors
        draft = Path(folder) / target.name
        if kind == "onnx":
            _write_onnx(graph, draft, size, metadata, half=half)
        elif kind == "openvino":
            _write_openvino(graph, draft, size, metadata, half=half)
        else:
            _write_torchscript(graph, draft, size, metadata)
        for file in sorted(Path(folder).iterdir()):  # .bin before .xml
            file.replace(target.parent / file.name)


def _write_onnx(
    graph: Graph, target: Path, size: tuple[int, int] | None, metadata: Mapping[str, str], *, half: bool
) -> None:
    onnx = _package("onnx")
    # The exporter of TorchScript's time: seconds where torch.export's takes minutes, one file, and in every torch
    # that this package runs with. Versions before 2.5 have no other, and no such argument.
    older: dict[str, Any] = {}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        older["dynamo"] = False
    axes = None
    if size is None:
        spatial = (2, 3) if graph.example(8, 8).shape[1] == 3 else (1, 2)  # noqa: PLR2004
        inputs = {0: "batch", spatial[0]: "height", spatial[1]: "width"}
        axes = {graph.input_name: inputs, **{name: {0: "batch"} for name in graph.names}}
    torch.onnx.export(
        graph,
        (graph.example(*(size or _TRACED)),),
        str(target),
        input_names=[graph.input_name],
        output_names=list(graph.names),
        dynamic_axes=axes,
        opset_version=OPSET,
        do_constant_folding=not half,  # it would fold float16 parameters into float32 ones
        **older,
    )
    model = onnx.load(str(target))
    model.producer_name = METADATA_KEY
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(dict(metadata)), **_for_people(metadata)})
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString())


def _write_openvino(
    graph: Graph, target: Path, size: tuple[int, int] | None, metadata: Mapping[str, str], *, half: bool
) -> None:
    openvino = _package("openvino")
    example = graph.example(*(size or _TRACED))
    channel = 1 if example.shape[1] == 3 else 3  # noqa: PLR2004
    shape = [int(side) if size is not None or axis == channel else -1 for axis, side in enumerate(example.shape)]
    traced = _trace(graph, example)
    model = openvino.convert_model(traced, example_input=example, input=[(shape, example.numpy().dtype.type)])
    model.inputs[0].get_tensor().set_names({graph.input_name})
    for output, name in zip(model.outputs, graph.names, strict=True):
        output.get_tensor().set_names({name})
    for key, value in (*metadata.items(), ("all", json.dumps(dict(metadata)))):
        model.set_rt_info(value, [METADATA_KEY, key])
    openvino.save_model(model, str(target), compress_to_fp16=half)


def _write_torchscript(graph: Graph, target: Path, size: tuple[int, int] | None, metadata: Mapping[str, str]) -> None:
    example = graph.example(*(size or _TRACED))
    traced = _trace(graph, example)
    shape = [int(side) if size is not None else None for side in example.shape]
    with torch.inference_mode():
        outputs = traced(example)
    ports = {
        "inputs": [[graph.input_name, str(example.dtype).removeprefix("torch."), shape]],
        "outputs": [
            [name, str(output.dtype).removeprefix("torch."), None]
            for name, output in zip(graph.names, outputs, strict=True)
        ],
    }
    text = json.dumps({**metadata, "ports": json.dumps(ports)})
    torch.jit.save(traced, str(target), {METADATA_KEY: text})


def _trace(graph: Graph, example: torch.Tensor) -> Any:
    with torch.inference_mode():
        return torch.jit.trace(graph, (example,), check_trace=False)  # type: ignore[no-untyped-call]


def _for_people(metadata: Mapping[str, str]) -> dict[str, str]:
    """The same one by one, for those who look into the file with other tools."""
    return {f"{METADATA_KEY}.{key}": value for key, value in metadata.items() if key != "contract"}


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ExportError(
            f"this format needs the package {name!r}, which is not installed; `pip install {name}` does it, or "
            "`pip install -r requirements/export.txt`"
        ) from error
