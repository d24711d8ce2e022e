# SPDX-License-Identifier: Apache-2.0
"""Files that run code when they are unpickled, planted wherever this package reads one: refused, and never run."""

from __future__ import annotations

import io
import pickle
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from joint_perception.engine import load_engine
from joint_perception.network import CheckpointError, load_network
from joint_perception.network.temperatures import read_temperatures


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "executed"


def needs_learning():
    """Skip where what training needs is not installed."""
    if not all(map(find_spec, ("torchvision", "scipy", "h5py"))):
        pytest.skip("requirements/learn.txt is not installed")


def zipped(path, content):
    torch.save(content, path)


def legacy(path, content):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def raw(path, content):
    path.write_bytes(pickle.dumps(content))


FORMATS = [zipped, legacy, raw]


def read_state(path):
    needs_learning()
    from joint_perception.learning.checkpointing import load_state  # noqa: PLC0415

    load_state(path)


def read_teacher(path):
    needs_learning()
    from joint_perception.domains import DOMAINS  # noqa: PLC0415
    from joint_perception.learning.torchvision_teacher import TorchvisionTeacher  # noqa: PLC0415

    TorchvisionTeacher(f"torchvision:lraspp_mobilenet_v3_large={path}", DOMAINS["nyud"], "cpu")


def read_beginning(path):
    needs_learning()
    from joint_perception.learning.initialise import initialise  # noqa: PLC0415
    from joint_perception.learning.training_config import NetworkConfig  # noqa: PLC0415
    from joint_perception.network import JointNetwork  # noqa: PLC0415

    initialise(JointNetwork(6, 2), NetworkConfig(classes=6, tasks=2, init=str(path)))


def read_engine(path):
    load_engine(str(path), None, "cpu")


@pytest.mark.parametrize("write", FORMATS)
def test_the_payload_works(write, tmp_path, marker):
    write(tmp_path / "evil.ckpt", {"step": Payload(marker)})
    assert not marker.exists()
    torch.load(tmp_path / "evil.ckpt", weights_only=False) if write is not raw else pickle.loads(
        (tmp_path / "evil.ckpt").read_bytes()
    )
    assert marker.exists()


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("read", [load_network, read_engine, read_state, read_teacher, read_beginning])
@pytest.mark.parametrize("name", ["evil.ckpt", "evil.pt", "evil.pth", "evil.safetensors"])
def test_no_checkpoint_is_executed(write, read, name, tmp_path, marker):
    tensor = torch.zeros(6, 1, 1, 1)
    write(tmp_path / name, {"state_dict": {"segm.weight": tensor, "evil": Payload(marker)}, "step": Payload(marker)})

    with pytest.raises((ValueError, RuntimeError)) as caught:
        read(tmp_path / name)

    assert not marker.exists()
    assert name in str(caught.value), "the error names the file"


def test_no_cached_image_is_executed(tmp_path, marker):
    needs_learning()
    from joint_perception.learning import views  # noqa: PLC0415
    from joint_perception.learning.datasets import DatasetError  # noqa: PLC0415

    path = tmp_path / "evil.npz"
    evil = np.array([Payload(marker)], dtype=object)
    np.savez(path, image=evil, labels=evil, depth=evil, normals=evil)
    with pytest.raises(DatasetError, match="evil"):
        views._read(path, "evil")
    assert not marker.exists()

    with np.load(path, allow_pickle=True) as file:
        _ = file["image"]
    assert marker.exists(), "the payload works"


def test_no_matlab_file_is_executed(tmp_path, marker):
    needs_learning()
    import h5py  # noqa: PLC0415
    import scipy.io as scipy_io  # noqa: PLC0415

    from joint_perception.learning.datasets import DatasetError, open_dataset  # noqa: PLC0415

    code = np.frombuffer(pickle.dumps(Payload(marker)), np.uint8)
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w") as file:
        for name in ("images", "rawDepths", "labels"):
            file[name] = np.void(code.tobytes())
            file[name].attrs["pickle"] = np.void(code.tobytes())
    scipy_io.savemat(tmp_path / "splits.mat", {"trainNdxs": code, "testNdxs": code})
    with pytest.raises((DatasetError, TypeError)):
        open_dataset("nyud", tmp_path, "test")
    for name in ("splits.mat", "nyu_depth_v2_labeled.mat"):
        (tmp_path / name).write_bytes(code.tobytes())
    with pytest.raises(DatasetError):
        open_dataset("nyud", tmp_path, "test")
    assert not marker.exists()


@pytest.mark.parametrize("inner", ["../../escaped", "/tmp/joint_perception_escaped", "archive/../../escaped"])
def test_archives_write_nothing_anywhere(inner, tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    good = io.BytesIO()
    torch.save({"segm.weight": torch.zeros(6, 1, 1, 1)}, good)
    good.seek(0)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(folder / "evil.ckpt", "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr(inner, b"out")

    with pytest.raises(CheckpointError):
        load_network(folder / "evil.ckpt")

    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "evil.ckpt"]
    assert not Path("/tmp/joint_perception_escaped").exists()


def test_temperatures_are_numbers_and_nothing_else(tmp_path):
    from safetensors.torch import save_file  # noqa: PLC0415

    path = tmp_path / "evil.safetensors"
    save_file({"segm.weight": torch.zeros(1)}, path, {"temperature": '{"kitti": "__import__(\'os\').getcwd()"}'})
    with pytest.raises(CheckpointError, match="temperature"):
        read_temperatures(path)
