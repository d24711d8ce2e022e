# SPDX-License-Identifier: Apache-2.0
"""`joint_perception infer`: the files it writes, and what it says when it cannot."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image
from garden_network import BRICK, GRASS, WATER, garden_picture, write_garden_network

import joint_perception
from joint_perception.cli import main
from joint_perception.domains import get_domain
from joint_perception.engine import Frame, load_engine

KINDS = ("_label.png", "_depth.png", "_overlay.png", "_panel.png", ".ply")
BLOCKED = "rclpy rcl_interfaces sensor_msgs std_msgs builtin_interfaces lifecycle_msgs ament_index_python cv_bridge"
WITHOUT_ROS = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED.split()!r} or name == "joint_perception.msg":
            raise ModuleNotFoundError(f"no {{name}} here", name=name)

sys.meta_path.insert(0, Blocker())
from joint_perception.cli import main
status = main(sys.argv[1:])
print("loaded:", [name for name in sys.modules if name.split(".")[0] in {BLOCKED.split()!r}])
sys.exit(status)
"""


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Images this small gain nothing from more threads; on busy cores they would wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that the command runs in: two pictures, one file that is none."""
    monkeypatch.chdir(tmp_path)
    write("one.png", formula_image(45, 70))
    write("two.jpg", formula_image(40, 32))
    (tmp_path / "text.png").write_text("no picture")
    return tmp_path


def write(name, rgb):
    assert cv2.imwrite(str(name), np.ascontiguousarray(rgb[..., ::-1]))


def read(path):
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels


def infer(*arguments, out="out"):
    return main(["infer", *map(str, arguments), "--device", "cpu", "--out", str(out)])


def read_points(path):
    """Vertices of a PLY file that this command wrote."""
    body = path.read_bytes().partition(b"end_header\n")[2]
    return list(struct.iter_unpack("<fffBBBBf", body))


def command(folder, *arguments, code=("-m", "joint_perception.cli")):
    """The command in a process of its own, as a shell would start it."""
    package = str(Path(joint_perception.__file__).parents[1])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *code, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_files_hold_what_the_engine_says(folder, checkpoints, capsys):
    path = checkpoints(6, 2)

    assert infer("one.png", "--weights", path, out="a/new/folder") == 0

    out = folder / "a" / "new" / "folder"
    assert sorted(file.name for file in out.iterdir()) == sorted(f"one{kind}" for kind in KINDS)
    image = formula_image(45, 70)
    expected = load_engine(str(path), None, "cpu").predict([Frame(image)])[0]
    label, depth, overlay = (read(out / f"one_{kind}.png") for kind in ("label", "depth", "overlay"))
    assert (label.dtype, depth.dtype, overlay.dtype) == (np.uint8, np.uint16, np.uint8)
    np.testing.assert_array_equal(label, expected.labels)
    assert len(np.unique(label)) > 2
    np.testing.assert_allclose(depth, expected.depth * 1000, atol=0.51)  # all of it within the range here
    colors = np.array(get_domain("kitti").colors)[label]
    np.testing.assert_allclose(overlay, (image + colors.astype(float)) / 2, atol=1)
    panel = read(out / "one_panel.png")
    assert panel.shape[0] > 2 * 45
    assert panel.shape[1] > 2 * 70
    assert "one.png: one_label.png, one_depth.png, one_overlay.png, one_panel.png, one.ply" in capsys.readouterr().out


@pytest.mark.parametrize("fx", [None, 55.5])
def test_the_points_are_those_of_the_depth_image(folder, checkpoints, fx):
    assert infer("one.png", "--weights", checkpoints(6, 2), *([] if fx is None else ["--fx", fx])) == 0

    label, depth = (read(folder / "out" / f"one_{kind}.png") for kind in ("label", "depth"))
    points = read_points(folder / "out" / "one.ply")
    shown = np.argwhere(label != 0)  # not the sky
    assert len(points) == len(shown) < label.size
    fx = fx or 721.5 * 70 / 1242  # KITTI's camera, as wide as this image
    image = formula_image(45, 70)
    for (x, y, z, *rgb, point_label, confidence), (row, column) in zip(points, shown, strict=True):
        assert (fx * x / z + 34.5, fx * y / z + 22) == pytest.approx((column, row), abs=1e-3)
        assert z == pytest.approx(depth[row, column] / 1000, abs=0.51e-3)
        assert rgb == image[row, column].tolist()
        assert point_label == label[row, column]
        assert 0 < confidence <= 1


def test_depth_out_of_range_is_zero_and_has_no_point(folder, tmp_path):
    from formula_checkpoint import formula_state_dict  # noqa: PLC0415

    state = formula_state_dict(6, 2)
    state["depth.bias"].fill_(79.0)  # about half of it beyond 80 m
    torch.save(state, tmp_path / "far.ckpt")

    assert infer("one.png", "--weights", "far.ckpt") == 0

    depth, label = read(folder / "out" / "one_depth.png"), read(folder / "out" / "one_label.png")
    assert depth.max() == 0  # nor can 16 bits hold what lies between 65.535 and 80 m
    raw = load_engine("far.ckpt", None, "cpu").predict([Frame(formula_image(45, 70))])[0].depth
    assert 0 < np.isnan(raw).sum() < raw.size
    assert len(read_points(folder / "out" / "one.ply")) == (np.isfinite(raw) & (label != 0)).sum()


@pytest.mark.parametrize("domain", ["nyud", "kitti", "nyud_kitti"])
def test_the_domain_picks_the_channels(folder, checkpoints, domain):
    path = checkpoints(46, 2)

    assert infer("one.png", "--weights", path, "--domain", domain) == 0

    expected = load_engine(str(path), domain, "cpu").predict([Frame(formula_image(45, 70))])[0]
    label = read(folder / "out" / "one_label.png")
    np.testing.assert_array_equal(label, expected.labels)
    sky = {"nyud": None, "kitti": 0, "nyud_kitti": 40}[domain]
    assert len(read_points(folder / "out" / "one.ply")) == (label != sky).sum()


def test_grey_transparent_and_16_bit_pictures_are_taken(folder, checkpoints):
    rgb = formula_image(40, 50)
    grey = rgb[..., 1]
    write("color.png", rgb)
    write("grey3.png", np.repeat(grey[..., None], 3, axis=2))
    assert cv2.imwrite("grey.png", grey)
    alpha = np.random.default_rng(1).integers(0, 256, (40, 50, 1), dtype=np.uint8)
    assert cv2.imwrite("alpha.png", np.concatenate([rgb[..., ::-1], alpha], axis=2))
    assert cv2.imwrite("deep.png", rgb[..., ::-1].astype(np.uint16) * 257)

    names = ("color", "grey3", "grey", "alpha", "deep")
    assert infer(*(f"{name}.png" for name in names), "--weights", checkpoints(6, 2)) == 0

    label = {name: read(folder / "out" / f"{name}_label.png") for name in names}
    np.testing.assert_array_equal(label["alpha"], label["color"])
    np.testing.assert_array_equal(label["deep"], label["color"])
    np.testing.assert_array_equal(label["grey"], label["grey3"])
    assert (label["grey"] != label["color"]).any()


def test_several_images_get_a_progress_bar_and_one_gets_none(folder, checkpoints, capfd):
    write("v1.2.png", formula_image(33, 33))

    assert infer("one.png", folder / "two.jpg", "v1.2.png", "--weights", checkpoints(6, 2)) == 0

    shown = capfd.readouterr()
    assert "3/3" in shown.err
    assert "3 image(s), results in out" in shown.out
    written = {file.name for file in (folder / "out").iterdir()}
    assert written == {f"{stem}{kind}" for stem in ("one", "two", "v1.2") for kind in KINDS}
    assert infer("one.png", "--weights", checkpoints(6, 2)) == 0  # over the files of before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["absent.png"], ["'absent.png'", "not a file"]),
        (["."], ["'.'", "not a file"]),
        (["text.png"], ["'text.png'", "PNG or JPEG"]),
        (["empty.png"], ["'empty.png'", "PNG or JPEG"]),
        (["broken.png"], ["'broken.png'", "PNG or JPEG"]),
        (["huge.png"], ["'huge.png'", "give a smaller one"]),
        (["one.png", "sub/one.jpg"], ["'one.png'", "'sub/one.jpg'", "rename one"]),
        (["one.png", "one.png"], ["'one.png'", "the same files"]),
        (["one.png", "--fx", "0"], ["--fx is 0.0", "above zero"]),
        (["one.png", "--fx", "-3"], ["--fx is -3.0", "above zero"]),
        (["one.png", "--fx", "nan"], ["--fx is nan", "above zero"]),
        (["one.png", "--fx", "inf"], ["--fx is inf", "above zero"]),
        (["one.png", "--weights", "kiti"], ["'kiti'", "kitti"]),
        (["one.png", "--weights", "absent.ckpt"], ["'absent.ckpt'", "no such file"]),
        (["one.png", "--weights", "text.png"], ["'text.png'", "checkpoint"]),
        (["one.png", "--weights", "kitti"], ["'kitti'", "weights fetch kitti"]),
        (["one.png", "--domain", "nyud"], ["'nyud'", "choose domain kitti"]),
        (["one.png", "--device", "tpu"], ["'tpu'", "auto, cpu, cuda"]),
        (["one.png", "--out", "two.jpg"], ["--out 'two.jpg'", "name another"]),
        (["one.png", "--out", "two.jpg/sub"], ["--out 'two.jpg/sub'", "name another"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value[0], str) else None,
)
def test_an_error_is_one_line_that_names_what_is_wrong(arguments, named, folder, checkpoints, monkeypatch, capsys):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    size = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"0"))
    (folder / "broken.png").write_bytes((folder / "one.png").read_bytes()[:1000])
    (folder / "empty.png").touch()
    before = sorted(folder.rglob("*"))

    defaults = ["--weights", str(checkpoints(6, 2)), "--device", "cpu", "--out", "out"]  # a later one wins
    assert main(["infer", *defaults, *arguments]) == 1

    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for part in named:
        assert part in lines[0]
    assert [path for path in sorted(folder.rglob("*")) if path.name != "out"] == before


@pytest.mark.parametrize("missing", ["--weights", "--out", "IMAGE"])
def test_what_must_be_given_is_asked_for(missing, capsys):
    given = {"IMAGE": ["one.png"], "--weights": ["--weights", "kitti"], "--out": ["--out", "out"]}

    with pytest.raises(SystemExit, match="2"):
        main(["infer", *(word for name, words in given.items() if name != missing for word in words)])

    assert missing in capsys.readouterr().err


def test_the_module_runs_from_any_folder(folder, checkpoints):
    done = command(folder, "infer", "one.png", "--weights", checkpoints(6, 2), "--out", "out")

    assert (done.returncode, done.stderr) == (0, "")
    expected = load_engine(str(checkpoints(6, 2)), None, "cpu").predict([Frame(formula_image(45, 70))])[0]
    np.testing.assert_array_equal(read(folder / "out" / "one_label.png"), expected.labels)
    assert len(list((folder / "out").iterdir())) == len(KINDS)


def test_it_works_where_there_is_no_ros(folder, checkpoints):
    done = command(folder, "infer", "one.png", "--weights", checkpoints(6, 2), "--out", "out", code=("-c", WITHOUT_ROS))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("loaded: []\n")
    assert len(list((folder / "out").iterdir())) == len(KINDS)


def test_real_images(example, checkpoints, tmp_path):
    path = example("nyud_000464.png")
    weights = checkpoints(40, 2)

    assert infer(path, "--weights", weights, out=tmp_path) == 0

    label = read(tmp_path / "nyud_000464_label.png")
    np.testing.assert_array_equal(label, load_engine(str(weights), None, "cpu").predict([Frame(read(path))])[0].labels)
    assert len(read_points(tmp_path / "nyud_000464.ply")) == label.size


def test_one_bad_image_does_not_stop_the_others(tmp_path, checkpoints, capsys):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    cv2.imwrite(str(good), formula_image(40, 56))
    bad.write_text("not a picture")
    out = tmp_path / "out"
    arguments = ["infer", str(bad), str(good), "--weights", str(checkpoints(6)), "--device", "cpu", "--out", str(out)]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "bad.png" in said.err
    assert "1 of 2 image(s)" in said.out
    assert (out / "good_label.png").is_file()
    assert not list(out.glob("bad*"))


def test_a_network_of_somebody_else_s_by_its_contract(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    contract, picture = write_garden_network(tmp_path), tmp_path / "picture.png"
    cv2.imwrite(str(picture), garden_picture(64, 96)[..., ::-1])

    assert infer(picture, "--weights", contract, out=tmp_path / "out") == 0

    label = read(tmp_path / "out" / "picture_label.png")
    assert [label[30, x] for x in (10, 45, 90)] == [WATER, GRASS, BRICK]
    assert len(read_points(tmp_path / "out" / "picture.ply")) == label.size
