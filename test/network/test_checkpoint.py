# SPDX-License-Identifier: Apache-2.0
"""Checkpoint files: every format that loads, every fault that is refused by name, and no code executed."""

from __future__ import annotations

import pathlib
import pickle
import zipfile

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from joint_perception.network import CheckpointError, JointNetwork, load_network, load_state_dict
from joint_perception.network.checkpoint import export_half


@pytest.fixture
def state(formula):
    return formula.formula_state_dict(6, 2)


@pytest.fixture
def saved(tmp_path):
    """Saves with torch.save and gives the path."""

    def save(content, name="weights.ckpt", **options):
        torch.save(content, tmp_path / name, **options)
        return tmp_path / name

    return save


def counted(state):
    """With the counters that torch saves since 0.4.1."""
    counters = {n.replace("running_var", "num_batches_tracked"): torch.tensor(7) for n in state if "running_var" in n}
    assert len(counters) == 52
    return state | counters


def assert_holds(network, state):
    found = {n: t for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert not network.training


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("counters", [True, False], ids=["counters", "no_counters"])
@pytest.mark.parametrize("wrapped", [True, False], ids=["state_dict", "plain"])
def test_torch_files_load(saved, state, zipped, counters, wrapped):
    content = counted(state) if counters else state
    content = {"state_dict": content, "epoch": 3, "optimizer": {"lr": [1e-3]}} if wrapped else content

    network = load_network(saved(content, _use_new_zipfile_serialization=zipped))

    assert_holds(network, state)


@pytest.mark.parametrize(("classes", "tasks"), [(40, 2), (40, 3), (6, 2), (46, 2), (19, 3)])
def test_classes_and_tasks_are_read_off_the_tensors(formula, tmp_path, classes, tasks):
    formula.write_formula_checkpoint(tmp_path / "w.ckpt", classes, tasks)

    network = load_network(str(tmp_path / "w.ckpt"))

    assert (network.num_classes, network.num_tasks) == (classes, tasks)


@pytest.mark.parametrize("counters", [True, False])
def test_safetensors_load(tmp_path, state, counters):
    save_file(counted(state) if counters else state, tmp_path / "w.safetensors")

    assert_holds(load_network(tmp_path / "w.safetensors"), state)


def test_data_parallel_names_load(saved, state):
    path = saved({"state_dict": {f"module.{name}": tensor for name, tensor in counted(state).items()}})

    assert_holds(load_network(path), state)


def test_parameters_load(saved, state):
    assert_holds(load_network(saved({name: torch.nn.Parameter(tensor) for name, tensor in state.items()})), state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_are_converted(saved, state, dtype):
    network = load_network(saved({name: tensor.to(dtype) for name, tensor in state.items()}))

    assert_holds(network, {name: tensor.to(dtype).float() for name, tensor in state.items()})


def test_a_networks_own_state_dict_loads(saved):
    network = JointNetwork(6, 3).train()
    network(torch.randn(2, 3, 32, 32))  # moves the statistics and the counters

    loaded = load_network(saved(network.state_dict()))

    image = torch.randn(1, 3, 40, 50)
    for ours, theirs in zip(loaded(image), network.eval()(image), strict=True):
        assert torch.equal(ours, theirs)


def fault(saved, state):
    with pytest.raises(CheckpointError) as caught:
        load_network(saved({"state_dict": state}))
    return str(caught.value)


def test_missing_tensors_are_named(saved, state):
    for name in ("layer5.1.output.1.1.running_mean", "pre_depth.weight"):
        del state[name]

    message = fault(saved, state)

    assert "2 missing: layer5.1.output.1.1.running_mean, pre_depth.weight" in message
    assert "6 classes and 2 tasks" in message
    assert "weights.ckpt" in message


def test_surplus_tensors_are_named(saved, state):
    state["pre_normal.weight"] = torch.zeros(256, 1, 1, 1)  # a third task without its head

    assert "1 surplus: pre_normal.weight" in fault(saved, state)


def test_a_mix_of_prefixes_is_not_guessed_at(saved, state):
    state["module.depth.bias"] = torch.zeros(1)

    assert "1 surplus: module.depth.bias" in fault(saved, state)


def test_many_names_are_counted(saved, state):
    message = fault(saved, {name: tensor for name, tensor in state.items() if not name.startswith("layer")})

    assert "260 missing: layer1.0.weight, " in message
    assert "and 254 more" in message
    assert len(message) < 500


def test_misshapen_tensors_are_named_with_both_shapes(saved, state):
    state["conv3.weight"] = torch.zeros(256, 32, 1, 1)
    state["depth.weight"] = torch.zeros(2, 256, 3, 3)

    message = fault(saved, state)

    assert "2 of another shape" in message
    assert "conv3.weight is (256, 32, 1, 1), not (256, 24, 1, 1)" in message
    assert "depth.weight is (2, 256, 3, 3), not (1, 256, 3, 3)" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_tensors_that_are_not_finite_are_named(saved, state, value):
    state["conv_adapt3.weight"][255, 255] = value

    assert "1 with NaN or infinity: conv_adapt3.weight" in fault(saved, state)


def test_values_too_great_for_float32_are_named(saved, state):
    state["depth.bias"] = torch.tensor([1e300], dtype=torch.float64)

    assert "1 with NaN or infinity: depth.bias" in fault(saved, state)


@pytest.mark.parametrize("convert", [torch.Tensor.int, torch.Tensor.bool, torch.Tensor.cfloat, torch.Tensor.to_sparse])
def test_tensors_of_another_kind_are_named(saved, state, convert):
    state["depth.weight"] = convert(state["depth.weight"])

    assert "1 not of plain floating point: depth.weight is " in fault(saved, state)


def test_all_faults_are_told_at_once(saved, state):
    del state["conv8.weight"]
    state |= {"extra": torch.zeros(1), "conv7.weight": torch.zeros(1), "depth.bias": torch.tensor([float("nan")])}

    message = fault(saved, state)

    for part in ("missing: conv8.weight", "surplus: extra", "shape: conv7.weight", "infinity: depth.bias"):
        assert part in message


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({}, "holds nothing"),
        ({"state_dict": {}}, "holds nothing"),
        ({"conv1.weight": torch.zeros(3)}, "'segm.weight'.*holds conv1.weight"),
        ({"segm.weight": torch.zeros(6)}, "'segm.weight'"),
        ({"segm.weight": torch.zeros(0, 256, 3, 3)}, "'segm.weight'"),
        ({"model": {"segm.weight": torch.zeros(6, 256, 3, 3)}, "epoch": 1}, "not a dict of tensors by name"),
        ({"state_dict": None}, "NoneType"),
        ({1: torch.zeros(1)}, "not a dict of tensors by name"),
        ([torch.zeros(1)], "list"),
        (torch.zeros(3), "Tensor"),
        ("weights", "str"),
    ],
)
def test_files_of_something_else_are_refused(saved, content, named):
    with pytest.raises(CheckpointError, match=named):
        load_network(saved(content))


class Payload:
    """Creates a file wherever it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def plain_pickle(content, path):
    path.write_bytes(pickle.dumps(content, protocol=2))


def zip_of_torch(content, path):
    torch.save(content, path)


def legacy_of_torch(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("write", [plain_pickle, zip_of_torch, legacy_of_torch])
@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_code_in_a_pickle_is_not_executed(tmp_path, state, write, suffix):
    path, created = tmp_path / f"evil{suffix}", tmp_path / "created"
    write({"hook": Payload(created), "state_dict": state}, path)

    with pytest.raises(CheckpointError, match="evil") as caught:
        load_network(path)

    assert not created.exists()
    assert "option" not in str(caught.value)  # torch's own message explains how to execute it all the same
    if suffix == ".ckpt":
        assert "never executed" in str(caught.value)
        pickled = path.read_bytes()
        if write is zip_of_torch:
            with zipfile.ZipFile(path) as archive:
                pickled = archive.read("evil/data.pkl")
        assert b"touch" in pickled  # it was a real one


def test_the_payload_is_a_real_one(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "created")))

    assert (tmp_path / "created").exists()


def test_a_pickled_module_is_refused(saved):
    with pytest.raises(CheckpointError, match=r"objects other than tensors.*torch\.nn\.modules\.linear\.Linear"):
        load_network(saved(torch.nn.Linear(2, 2)))


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde"


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\0" * 1000, PNG, b"<!DOCTYPE html><html>", b"PK\x03\x04" + b"\0" * 26])
def test_files_that_are_no_checkpoint_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=f"file{suffix}"):
        load_network(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(tmp_path, state, kind, share):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.ckpt")
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(CheckpointError, match=r"w\.(ckpt|safetensors)"):
        load_network(path)


def test_every_truncation_of_a_small_legacy_file_is_refused(tmp_path):
    path = tmp_path / "small.ckpt"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()

    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            load_state_dict(path)


@pytest.mark.parametrize("name", ["absent.ckpt", ".", "x" * 300, "nul\0.ckpt"])
def test_paths_that_are_no_file_are_refused(tmp_path, name):
    with pytest.raises(CheckpointError, match="is not a file"):
        load_network(tmp_path / name)


def test_an_export_is_half_as_large_and_says_nearly_the_same(formula, tmp_path, state):
    torch.manual_seed(0)
    save_file(state, str(tmp_path / "whole.safetensors"), {"training": '{"step": 3}'})
    export_half(tmp_path / "whole.safetensors", tmp_path / "made" / "half.safetensors")

    whole, half = ((tmp_path / name) for name in ("whole.safetensors", "made/half.safetensors"))
    assert half.stat().st_size < 0.52 * whole.stat().st_size
    with safe_open(str(half), framework="pt") as file:
        assert file.metadata()["training"] == '{"step": 3}'
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for expected, found in zip(load_network(whole)(image)[:2], load_network(half)(image)[:2], strict=True):
            assert (found - expected).abs().max() < 0.02 * expected.abs().max()


def test_what_half_precision_cannot_hold_is_not_exported(tmp_path, state):
    state["segm.bias"] = torch.full_like(state["segm.bias"], 1e5)
    save_file(state, str(tmp_path / "great.safetensors"))

    with pytest.raises(CheckpointError, match=r"65504.*segm\.bias"):
        export_half(tmp_path / "great.safetensors", tmp_path / "half.safetensors")
    assert not (tmp_path / "half.safetensors").exists()
