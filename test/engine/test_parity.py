# SPDX-License-Identifier: Apache-2.0
"""Every output of the engine against a plain, straight-line reference in double precision."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from formula_checkpoint import formula_image
from torch.nn import functional

from joint_perception.engine import Engine, Frame, load_engine
from joint_perception.network import load_network

# Written out again from the description of the domains: first channel, channels, least and greatest depth.
NYUD, KITTI, BOTH = (0, 40, 1e-3, 10.0), (0, 6, 1e-3, 80.0), (0, 46, 1e-3, 80.0)
CASES = {
    "kitti": (6, 2, None, KITTI),
    "nyud-normals": (40, 3, None, NYUD),
    "joint-as-nyud": (46, 2, "nyud", NYUD),
    "joint-as-kitti": (46, 2, "kitti", (40, 6, 1e-3, 80.0)),
    "joint-as-both": (46, 2, None, BOTH),
}
SIZES = [(64, 96), (67, 93), (33, 131), (7, 5)]


@torch.inference_mode()
def reference(path, image, layout, network_size=None, network_type=torch.float64):
    """One image through the network, step by step as the paper's authors do it, in float64."""
    height, width = image.shape[:2]
    x = torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1)[None]
    if network_size is not None:
        x = functional.interpolate(x, network_size, mode="bilinear", align_corners=False, antialias=True)
    x = x / 255
    for channel, (mean, std) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)):
        x[:, channel] = (x[:, channel] - mean) / std

    outputs = load_network(path).to(network_type)(x.to(network_type))

    def resized(head):
        return functional.interpolate(head.double(), (height, width), mode="bilinear", align_corners=False)[0].numpy()

    first, count, low, high = layout
    logits = resized(outputs.segm)[first : first + count]
    labels = logits.argmax(axis=0)
    exponentials = np.exp(logits - logits.max(axis=0))
    confidence = (exponentials / exponentials.sum(axis=0)).max(axis=0)
    depth = np.abs(resized(outputs.depth)[0])
    depth[(depth < low) | (depth > high)] = np.nan
    normals = None
    if outputs.normal is not None:
        normals = resized(outputs.normal).transpose(1, 2, 0)
        normals = normals / np.sqrt((normals**2).sum(axis=2, keepdims=True))
    ordered = np.sort(logits, axis=0)
    return {
        "labels": labels,
        "lead": ordered[-1] - ordered[-2],  # of the label over the runner-up, in the logits' unit
        "depth": depth,
        "confidence": confidence,
        "normals": normals,
    }


def assert_same(prediction, expected):
    assert prediction.labels.dtype == np.uint8
    assert prediction.depth.dtype == prediction.confidence.dtype == np.float32
    decided = expected["lead"] > 1e-3  # float32 cannot tell the two classes apart below
    assert decided.mean() > 0.98
    np.testing.assert_array_equal(prediction.labels[decided], expected["labels"][decided])
    np.testing.assert_allclose(prediction.depth, expected["depth"], rtol=1e-4, atol=1e-4, equal_nan=True)
    np.testing.assert_allclose(prediction.confidence, expected["confidence"], atol=1e-4)
    if expected["normals"] is None:
        assert prediction.normals is None
    else:
        assert prediction.normals.dtype == np.float32
        np.testing.assert_allclose(prediction.normals, expected["normals"], atol=1e-3)
        np.testing.assert_allclose(np.linalg.norm(prediction.normals, axis=2), 1, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_every_output_is_the_reference_s_at_every_size(case, checkpoints):
    classes, tasks, domain, layout = CASES[case]
    engine = load_engine(str(checkpoints(classes, tasks)), domain, "cpu")
    seen = set()

    for size in SIZES:
        image = formula_image(*size)
        prediction = engine.predict([Frame(image)])[0]

        assert prediction.labels.shape == prediction.depth.shape == prediction.confidence.shape == size
        assert_same(prediction, reference(checkpoints(classes, tasks), image, layout))
        seen |= set(np.unique(prediction.labels).tolist())
    assert len(seen) > 3  # else a wrong channel order might not show
    assert max(seen) < engine.domain.num_classes


def test_joint_head_is_sliced_by_domain(checkpoints):
    frame = Frame(formula_image(64, 96))
    path = str(checkpoints(46, 2))
    both, nyud, kitti = (load_engine(path, d, "cpu").predict([frame])[0] for d in ("nyud_kitti", "nyud", "kitti"))

    of_nyud = both.labels < 40
    assert 0 < of_nyud.mean() < 1
    np.testing.assert_array_equal(nyud.labels[of_nyud], both.labels[of_nyud])
    np.testing.assert_array_equal(kitti.labels[~of_nyud], both.labels[~of_nyud] - 40)
    # Fewer classes to share the probability between.
    assert (nyud.confidence[of_nyud] > both.confidence[of_nyud]).all()
    np.testing.assert_array_equal(nyud.depth, both.depth)  # one depth head for both; all of it below 10 m here


@pytest.mark.parametrize(("size", "network_size"), [((97, 150), (64, 96)), ((40, 52), (70, 91)), ((64, 96), (64, 96))])
def test_network_size_changes_the_input_and_not_the_output_s_size(size, network_size, checkpoints):
    path, image = checkpoints(40, 3), formula_image(*size)

    prediction = load_engine(str(path), None, "cpu", network_size).predict([Frame(image)])[0]

    assert prediction.labels.shape == size
    assert_same(prediction, reference(path, image, NYUD, network_size))


@pytest.mark.parametrize(("name", "classes", "tasks"), [("kitti_000099.png", 6, 2), ("nyud_000464.png", 40, 3)])
def test_real_images(name, classes, tasks, example, checkpoints):
    image = cv2.imread(str(example(name)), cv2.IMREAD_COLOR)[::2, ::2, ::-1]  # a quarter of the pixels, and of the time
    path = checkpoints(classes, tasks)

    prediction = load_engine(str(path), None, "cpu").predict([Frame(image)])[0]

    # The network in float32 for the sake of time; what comes before and after it in float64, as above.
    layout = KITTI if classes == 6 else NYUD
    assert_same(prediction, reference(path, image, layout, network_type=torch.float32))


def test_a_batch_of_mixed_sizes_keeps_its_order_and_equals_single_runs(checkpoints):
    engine = load_engine(str(checkpoints(40, 3)), None, "cpu")
    sizes = [(64, 96), (50, 70), (64, 96), (33, 47), (50, 70), (64, 96)]
    frames = [Frame(np.roll(formula_image(*size), 9 * i, axis=1)) for i, size in enumerate(sizes)]

    batch = engine.predict(frames)
    single = [engine.predict([frame])[0] for frame in frames]

    assert [p.labels.shape for p in batch] == sizes
    for together, alone in zip(batch, single, strict=True):
        assert (together.labels == alone.labels).mean() > 0.999  # equal but where float32 cannot tell two classes apart
        np.testing.assert_allclose(together.depth, alone.depth, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(together.confidence, alone.confidence, atol=1e-4)
        np.testing.assert_allclose(together.normals, alone.normals, atol=1e-3)
    # The frames of one size differ by more than that, so a changed order would show.
    assert (batch[0].labels != batch[2].labels).mean() > 0.1


def test_the_network_given_is_put_into_evaluation_mode(checkpoints):
    path, frame = checkpoints(6, 2), Frame(formula_image(64, 64))
    trained = load_engine(str(path), None, "cpu")
    network = load_network(path).train()

    prediction = Engine(network, trained.domain, "cpu").predict([frame])[0]

    np.testing.assert_array_equal(prediction.labels, trained.predict([frame])[0].labels)
