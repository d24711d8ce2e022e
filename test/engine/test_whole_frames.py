# SPDX-License-Identifier: Apache-2.0
"""A frame's way on the device at once against the stages one by one.

On the CPU, which does the same work without recording it; what a GPU does besides is stood in for where it says so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image
from hypothesis import given, settings
from hypothesis import strategies as st

from joint_perception.domains import get_domain
from joint_perception.engine import Engine, Frame, Reading, Stopwatch
from joint_perception.engine.device import cuda_graphs
from joint_perception.engine.device.cuda_graphs import CudaGraphs
from joint_perception.engine.runtimes import open_runtime
from joint_perception.engine.runtimes.self_check import disagreement
from joint_perception.network import load_network

CPU = torch.device("cpu")
GPU = torch.device("cuda", 0)  # its name: none is needed


@pytest.fixture(scope="module")
def networks(checkpoints):
    return {key: load_network(checkpoints(*key)) for key in ((6, 2), (46, 3))}


def both_ways(network, domain, network_size=None, runtime="torch"):
    """An engine that takes frames at once, and one that takes them stage by stage, of one runtime."""
    opened = open_runtime(runtime, network, CPU)
    return [Engine(network, domain, "cpu", network_size, runtime=opened, whole_frames=whole) for whole in (True, False)]


def assert_equal(found, plain, labels=1.0):
    """Labels, depth, confidence and normals of both ways: the compiled stages round otherwise."""
    assert (found.labels == plain.labels).mean() >= labels
    np.testing.assert_allclose(found.depth, plain.depth, rtol=1e-4)
    for mine, theirs in ((found.confidence, plain.confidence), (found.normals, plain.normals)):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_allclose(mine, theirs, atol=2e-3)


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([((6, 2), "kitti"), ((46, 3), "nyud"), ((46, 3), "kitti")]),
    st.integers(33, 70),
    st.integers(33, 90),
    st.sampled_from([None, (48, 64)]),
    st.sets(st.sampled_from(["confidence", "normals"])),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([1.0, 1.7]),
)
def test_at_once_is_what_the_stages_say(networks, key, height, width, size, wanted, threshold, temperature):
    network = networks[key[0]]
    domain = get_domain(key[1], network.num_classes)
    whole, stages = both_ways(network, domain, size)
    reading = Reading(domain, 1.25, (0.01, 60.0), threshold, temperature)
    frames = [Frame(formula_image(height, width))]

    found, plain = (engine.predict(frames, None, [reading], wanted)[0] for engine in (whole, stages))

    assert_equal(found, plain, labels=0.999)
    assert (found.confidence is not None) == ("confidence" in wanted)
    assert (found.normals is not None) == ("normals" in wanted and network.num_tasks == 3)
    assert found.resident is not None
    assert plain.resident is None


def test_a_batch_of_sizes_and_domains_keeps_its_order(networks):
    network = networks[46, 3]
    kitti, nyud = (get_domain(name, 46) for name in ("kitti", "nyud"))
    whole, stages = both_ways(network, kitti)
    images = [formula_image(40, 50), formula_image(48, 64), formula_image(40, 50)[::-1].copy(), formula_image(40, 50)]
    readings = [Reading(kitti), Reading(kitti), Reading(kitti, 2.0), Reading(nyud)]
    frames = [Frame(image) for image in images]

    for found, plain in zip(*(engine.predict(frames, None, readings) for engine in (whole, stages)), strict=True):
        assert_equal(found, plain, labels=0.999)


def test_each_frame_is_read_by_its_own_terms(networks):
    domain = get_domain("kitti", 6)
    whole, _ = both_ways(networks[6, 2], domain)
    frames = [Frame(formula_image(40, 50))] * 3

    near, far, unsure = whole.predict(
        frames, None, [Reading(domain), Reading(domain, 3.0), Reading(domain, min_confidence=1.0)]
    )

    both = np.isfinite(near.depth) & np.isfinite(far.depth)
    assert both.any()
    np.testing.assert_allclose(far.depth[both], 3 * near.depth[both], rtol=1e-6)
    np.testing.assert_array_equal(far.labels, near.labels)
    assert (unsure.labels == 255).all()


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_other_runtimes_take_the_same_way(networks, runtime):
    pytest.importorskip(runtime)
    domain = get_domain("kitti", 6)
    whole, stages = both_ways(networks[6, 2], domain, runtime=runtime)
    frames = [Frame(formula_image(50, 70))]

    found, plain = (engine.predict(frames)[0] for engine in (whole, stages))

    assert_equal(found, plain, labels=0.999)


def test_the_time_goes_to_the_same_stages(networks):
    whole, _ = both_ways(networks[6, 2], get_domain("kitti", 6))
    stopwatch = Stopwatch()

    whole.predict([Frame(formula_image(40, 50))], stopwatch)

    assert list(stopwatch.seconds) == ["preprocess", "network", "postprocess"]


class Replay:
    """In the place of a recorded CUDA graph: does the work anew on the same tensors, as a replay does."""

    def __init__(self, work, given):
        self._work, self._given = work, given
        self.found = work(*given)

    def replay(self):
        for own, new in zip(self.found, self._work(*self._given), strict=True):
            own.copy_(new)


@pytest.fixture
def recording(monkeypatch):
    """Recordings as on a GPU, whose results the next one overwrites, but of work on the CPU; the list of them."""
    made = []

    def record(work, inputs):
        given = tuple(x.clone() for x in inputs)
        replay = Replay(work, given)
        made.append(tuple(tuple(x.shape) for x in inputs))
        return replay, given, replay.found

    monkeypatch.setattr(cuda_graphs, "_record", record)
    return made


def test_a_recording_is_made_once_for_each_kind_and_shape_and_sees_new_inputs(recording):
    graphs = CudaGraphs(GPU)
    add, times = (lambda x, y: (x + y,)), (lambda x, y: (x * y,))
    two, three = torch.full((3,), 2.0), torch.full((3,), 3.0)

    assert [graphs("add", add, two, y)[0][0].item() for y in (two, three, two)] == [4, 5, 4]
    assert [graphs("times", times, two, y)[0][0].item() for y in (two, three)] == [4, 6]
    assert graphs("add", add, two[:2], three[:2])[0].shape == (2,)
    assert len(recording) == 3


def test_where_nothing_can_be_recorded_the_work_is_done_as_it_is(caplog):
    graphs = CudaGraphs(GPU)  # whose driver is not there

    for _ in range(2):
        assert torch.equal(graphs("add", lambda x: (x + 1,), torch.zeros(3))[0], torch.ones(3))

    assert graphs.refusal
    assert [record.message for record in caplog.records] == [
        f"no CUDA graphs here, kernels are launched one by one: {graphs.refusal}"
    ]


def test_what_is_recorded_gives_each_frame_its_own_result(networks, recording):
    domain = get_domain("kitti", 6)
    whole, stages = both_ways(networks[6, 2], domain)
    whole._whole_frames._graphs = CudaGraphs(GPU)
    images = [formula_image(40, 50), formula_image(40, 50)[::-1].copy(), formula_image(40, 50)[:, ::-1].copy()]
    readings = [Reading(domain), Reading(domain, 2.0), Reading(domain, 1.0, (1.0, 9.0))]

    for image, reading in zip(images, readings, strict=True):
        found, plain = (engine.predict([Frame(image)], None, [reading])[0] for engine in (whole, stages))
        assert_equal(found, plain, labels=0.999)

    assert len(recording) == 1, "live readings record nothing anew"
    whole.predict([Frame(images[0])], None, [readings[0]], ())
    assert len(recording) == 2, "what is wanted does"


def test_where_at_once_fails_the_stages_serve_and_it_is_said(networks, caplog, monkeypatch):
    whole, _ = both_ways(networks[6, 2], get_domain("kitti", 6))
    expected = whole.predict([Frame(formula_image(40, 50))])[0]
    whole._check_whole_frames()
    assert whole._whole_frames is not None, "it agrees"

    plainly = whole._whole_frames._decided
    monkeypatch.setattr(
        whole._whole_frames, "_decided", lambda *of: (torch.zeros_like((out := plainly(*of))[0]), *out[1:])
    )
    whole._check_whole_frames()

    assert whole._whole_frames is None
    assert "frames go stage by stage on cpu: at once it fails" in caplog.text
    assert "of labels equal" in caplog.text
    assert_equal(whole.predict([Frame(formula_image(40, 50))])[0], expected, labels=0.999)


def test_where_at_once_raises_the_stages_serve(networks, caplog, monkeypatch):
    whole, _ = both_ways(networks[6, 2], get_domain("kitti", 6))

    def fail(*_):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(whole._whole_frames, "_decided", fail)
    whole._check_whole_frames()

    assert whole._whole_frames is None
    assert caplog.messages == [
        "frames go stage by stage on cpu: at once it fails: operation not permitted when stream is capturing"
    ]


def test_a_disagreement_is_told_in_labels_holes_and_metres(networks):
    plain = both_ways(networks[6, 2], get_domain("kitti", 6))[0].predict([Frame(formula_image(40, 50))])[0]
    assert disagreement(plain, plain) == ""
    for worse in (
        replace(plain, labels=(plain.labels + 1).astype(np.uint8)),
        replace(plain, depth=plain.depth * np.float32(1.02)),
        replace(plain, depth=np.full_like(plain.depth, np.nan)),
    ):
        assert disagreement(worse, plain)
