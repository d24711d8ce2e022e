# SPDX-License-Identifier: Apache-2.0
"""A part of the network, in sections, against the whole in one piece."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image
from torch import nn

from joint_perception.engine import Frame, RuntimeUnavailableError, load_engine
from joint_perception.engine.recent import Recent
from joint_perception.engine.runtimes import open_runtime, openvino_runtime, openvino_sections
from joint_perception.engine.runtimes.graph import PixelNetwork
from joint_perception.engine.runtimes.sections import Block, Heads, Trunk, block_plainly, narrow
from joint_perception.engine.runtimes.torch_runtime import PlainRuntime
from joint_perception.network import load_network, resolve_weights

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("outputs", [1, 3, 6, 7, 40])
@torch.inference_mode()
def test_a_convolution_of_few_outputs_says_the_same(outputs):
    generator = torch.Generator().manual_seed(outputs)
    weight = torch.randn(outputs, 32, 3, 3, generator=generator)
    bias, x = torch.randn(outputs, generator=generator), torch.randn(2, 32, 5, 7, generator=generator)

    torch.testing.assert_close(
        narrow(weight, bias)(x), nn.functional.conv2d(x, weight, bias, padding=1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(("outputs", "split"), [(1, True), (3, True), (6, True), (40, False)])
def test_only_a_convolution_of_few_outputs_is_split(outputs, split):
    module = narrow(torch.zeros(outputs, 256, 3, 3), torch.zeros(outputs))

    assert isinstance(module, nn.Sequential) == split


@pytest.mark.parametrize("tasks", [2, 3])
@torch.inference_mode()
def test_the_sections_one_after_the_other_are_the_network(tasks, checkpoints):
    graph = PixelNetwork(load_network(checkpoints(40, tasks)))
    pixels = torch.from_numpy(formula_image(67, 93))[None]
    names = ("segm", "depth", "normal")[:tasks]
    block = Block(graph)
    x, scales = Trunk(graph)(pixels), torch.from_numpy(block.scales)

    inputs = [block_plainly(x, scales, torch.from_numpy(block.heads[name])) for name in names]
    found = Heads(graph, names, range(40))(*inputs)

    for head, expected in zip(found, graph(pixels), strict=True):
        torch.testing.assert_close(head, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("compiled", [True, False])
@torch.inference_mode()
def test_openvino_gives_the_part_that_is_asked_for(compiled, precision, monkeypatch):
    pytest.importorskip("openvino")
    if not compiled:
        monkeypatch.setattr(openvino_runtime, "available", lambda: False)
    for module in (openvino_runtime, openvino_sections):
        monkeypatch.setattr(module, "Recent", functools.partial(Recent, 2))
    network = load_network(resolve_weights("demo").path)
    try:
        runtime = open_runtime("openvino", network, CPU, precision)
    except RuntimeUnavailableError as error:  # a CPU without bf16
        pytest.skip(str(error))
    plain = PlainRuntime(network, CPU)

    # More sizes than are kept, and back to the first one: what was thrown away is made anew.
    for size in ((67, 93), (32, 64), (40, 64), (67, 93)):
        pixels = torch.from_numpy(np.stack([formula_image(*size), formula_image(*size)[::-1].copy()]))
        whole = plain(pixels)
        for channels, normals in ((range(40), True), (range(40, 46), False)):
            outputs, first = runtime.part(pixels, channels, normals=normals)

            segm = outputs.segm[:, channels.start - first : channels.stop - first]
            exact = 1e-4 if precision == "fp32" else 0.1
            wanted = whole.segm[:, channels.start : channels.stop]
            assert (segm - wanted).abs().max() < exact * whole.segm.abs().max()
            assert (outputs.depth - whole.depth).abs().max() < exact * whole.depth.abs().max()
            assert (outputs.normal is not None) >= normals


@pytest.mark.parametrize("domain", ["nyud", "kitti"])
def test_an_engine_reads_a_part_as_it_reads_the_whole(domain):
    pytest.importorskip("openvino")
    frame = Frame(formula_image(90, 160))
    plain, sections = (load_engine("demo", domain, "cpu", runtime=name) for name in ("torch", "openvino"))

    (expected,) = plain.predict([frame])
    other = sections.reading("nyud" if domain == "kitti" else "kitti")
    # Two cameras that read different domains off one network, in one batch.
    found, _ = sections.predict([frame, frame], readings=[sections.reading(), other])
    (alone,) = sections.predict([frame], wanted=())

    assert np.mean(found.labels == expected.labels) > 0.999
    np.testing.assert_allclose(
        found.depth, expected.depth, rtol=1e-3, atol=1e-4
    )  # a depth near 0 m is a difference of sums
    np.testing.assert_allclose(found.normals, expected.normals, atol=1e-3)
    np.testing.assert_array_equal(alone.labels, found.labels)
    assert alone.confidence is None
    assert alone.normals is None


def test_the_things_used_last_are_kept():
    made = []
    recent = Recent(kept=2)

    for key in "abacab":
        recent.get(key, lambda key=key: made.append(key) or key)

    assert made == ["a", "b", "c", "b"]
