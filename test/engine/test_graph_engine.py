# SPDX-License-Identifier: Apache-2.0
"""A network of somebody else's, used by its contract: each thing it can say, against the same by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from garden_network import BRICK, CONTRACT, GRASS, WATER, GardenNetwork, garden_picture, write_garden_network

from joint_perception.domains import DomainError
from joint_perception.engine import EngineError, Frame, load_engine

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def garden(tmp_path_factory):
    """The contract's path; with a text, another contract of the same network."""
    folder = tmp_path_factory.mktemp("garden")
    path = write_garden_network(folder)

    def contract(text=None):
        if text is None:
            return str(path)
        other = folder / "other.yaml"
        other.write_text(text)
        return str(other)

    return contract


def by_hand(image):
    """Labels, metres and confidence of an image whose sides are multiples of 8."""
    pixels = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        probabilities, disparity = GardenNetwork()(pixels)
    best, labels = probabilities[0].max(dim=2)
    return labels.numpy(), (1 / (0.5 * disparity[0, ..., 0] + 0.01)).numpy(), best.numpy()


def test_a_network_built_differently_is_read_by_its_contract(garden):
    image = garden_picture(64, 96)
    engine = load_engine(garden(), device="cpu")

    (found,) = engine.predict([Frame(image)])

    labels, depth, confidence = by_hand(image)
    np.testing.assert_array_equal(found.labels, labels)
    assert [found.labels[30, x] for x in (10, 45, 90)] == [WATER, GRASS, BRICK]
    np.testing.assert_allclose(found.depth, depth, rtol=1e-4)
    np.testing.assert_allclose(found.confidence, confidence, atol=1e-5)
    assert found.normals is None
    assert engine.domain.class_names == ("water", "grass", "brick")
    assert engine.domain.colors[BRICK] == (180, 60, 30)
    assert engine.domain.focal_length_at(640) == 800.0
    assert engine.training_focal_length(engine.domain) == 400.0


def test_sizes_that_it_does_not_take_are_resized_and_batches_stay_in_order(garden):
    engine = load_engine(garden(), device="cpu")
    frames = [Frame(garden_picture(*size)) for size in ((61, 93), (64, 96), (61, 93))]

    found = engine.predict(frames)

    assert [p.labels.shape for p in found] == [(61, 93), (64, 96), (61, 93)]
    np.testing.assert_array_equal(found[1].labels, by_hand(frames[1].image)[0])
    for prediction in found:
        assert [prediction.labels[30, x] for x in (10, 45, 88)] == [WATER, GRASS, BRICK]
    np.testing.assert_array_equal(found[0].depth, found[2].depth)


def test_a_network_size_holds_if_it_can(garden):
    frame = Frame(garden_picture(128, 192))
    engine = load_engine(garden(), device="cpu", network_size=(64, 96))

    (found,) = engine.predict([frame])

    assert found.labels.shape == (128, 192)
    assert [found.labels[60, x] for x in (20, 90, 180)] == [WATER, GRASS, BRICK]
    with pytest.raises(EngineError, match=r"garden\.yaml.*takes 96x64, not the network size 94x60"):
        load_engine(garden(), device="cpu", network_size=(60, 94))


def test_the_wrong_colour_order_would_be_seen(garden):
    engine = load_engine(garden(CONTRACT.replace("BGR", "RGB")), device="cpu")

    (found,) = engine.predict([Frame(garden_picture(64, 96))])

    assert [found.labels[30, x] for x in (10, 45, 90)] == [BRICK, GRASS, WATER]


def test_depth_outside_its_range_is_none(garden):
    engine = load_engine(garden(CONTRACT.replace("[0.1, 50.0]", "[0.1, 4.0]")), device="cpu")
    image = garden_picture(64, 96)

    (found,) = engine.predict([Frame(image)])

    np.testing.assert_array_equal(np.isnan(found.depth), by_hand(image)[1] > 4.0)
    assert 0 < np.isnan(found.depth).mean() < 1


def test_another_domain_is_refused(garden):
    with pytest.raises(DomainError, match=r"'kitti' is not the contract's own, 'garden'"):
        load_engine(garden(), "kitti", "cpu")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("name: pixels", "name: pixel", r"input\.name is 'pixel', which is no input; it has pixels"),
        ("name: probs", "name: probes", r"outputs\.segmentation\.name is 'probes'.*did you mean 'probs'\?"),
        ("name: disparity", "name: depth", r"outputs\.depth\.name is 'depth'.*it has probs, disparity"),
        ("layout: NHWC}", "layout: NCHW}", r"'probs' is \(1, 128, 160, 3\).*not NCHW; try .*layout: NHWC"),
        ("kind: probabilities, layout: NHWC", "kind: labels", r"'probs' .*one number a pixel"),
        ("multiple_of: 8", "multiple_of: 3", r"refuses an input of \(1, 3, 129, 159\).*input\.multiple_of"),
        ("multiple_of: 8", "layout: NHWC", r"refuses an input of \(1, 128, 160, 3\).*input\.layout"),
        ("  - {name: brick, color: [180, 60, 30]}\n", "", r"lists 2 classes but the network gives 3 channels"),
        ("model: garden.onnx", "model: gone.onnx", r"gone\.onnx' is not a file.*model"),
        ("model: garden.onnx", "model: garden.pt", r"garden\.pt' is not a file"),
        ("kind: inverse", "kind: inverted", r"depth: kind is 'inverted'; choose metres or inverse or absolute"),
        ("disparity, kind", "probs, kind", r"'probs' \(depth\) is \(1, 128, 160, 3\).*one number a pixel"),
    ],
)
def test_a_contract_that_the_network_does_not_keep_is_refused_when_loaded(right, wrong, said, garden):
    assert right in CONTRACT

    with pytest.raises((EngineError, DomainError), match=said):
        load_engine(garden(CONTRACT.replace(right, wrong)), device="cpu")


class Kinds(torch.nn.Module):
    """(1, H, W, 3) bytes of the one size 24x16, to ids of a quarter of its size, their confidence and millimetres."""

    def forward(self, image):
        x = image.permute(0, 3, 1, 2).float()
        small = torch.nn.functional.avg_pool2d(x, 4)
        best, ids = small.max(dim=1)
        return ids, best / 255, small.sum(dim=1, keepdim=True) * 10 - 300


KINDS = """\
model: kinds.onnx
input: {layout: NHWC, divisor: 1}
outputs:
  segmentation: {name: ids, kind: labels, confidence: sure}
  depth: {name: mm, kind: metres, scale: 0.001}
domain: kinds
classes: [{name: red}, {name: green}]
"""


def test_ids_millimetres_and_bytes_of_a_fixed_size(tmp_path):
    torch.onnx.export(
        Kinds(),
        (torch.zeros(1, 16, 24, 3, dtype=torch.uint8),),
        str(tmp_path / "kinds.onnx"),
        input_names=["image"],
        output_names=["ids", "sure", "mm"],
        dynamo=False,
    )
    (tmp_path / "kinds.yaml").write_text(KINDS)
    engine = load_engine(str(tmp_path / "kinds.yaml"), device="cpu")
    image = np.zeros((32, 48, 3), np.uint8)
    image[:, :16, 0], image[:, 16:32, 1], image[:, 32:, 2] = 200, 100, 20

    first, second = engine.predict([Frame(image), Frame(image[:, ::-1].copy())])

    assert engine.network_size == (16, 24)
    assert first.labels.shape == (32, 48)
    # The third of the ids is no class: void. 20 * 10 - 300 mm lies behind the camera: no depth.
    assert [first.labels[16, x] for x in (5, 24, 43)] == [0, 1, 255]
    np.testing.assert_allclose([first.depth[16, x] for x in (5, 24, 43)], [1.7, 0.7, np.nan], rtol=0.01)
    np.testing.assert_allclose([first.confidence[16, x] for x in (5, 24)], [200 / 255, 100 / 255], rtol=0.05)
    np.testing.assert_array_equal(second.labels, first.labels[:, ::-1])
    assert len(set(engine.domain.colors)) == 2, "classes without a colour get one each"
