# SPDX-License-Identifier: Apache-2.0
"""Losses against closed forms and numerical gradients; what is missing has no gradient at all."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from joint_perception.learning.datasets import Example, collate
from joint_perception.learning.losses import (
    Counts,
    Weights,
    berhu_loss,
    count_targets,
    joint_loss,
    normal_loss,
    segmentation_loss,
)
from joint_perception.network import JointNetwork, Outputs

VOID = 255
NAN = math.nan


def random_outputs(n=2, classes=5, size=(4, 6), dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((n, classes, *size), (n, 1, *size), (n, 3, *size))
    tensors = [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]
    tensors[1] = tensors[1].abs() + 0.5
    return Outputs(*(t.requires_grad_() for t in tensors))


def example(seed, *, size=(4, 6), labels=True, depth=True, normals=True, classes=5, channels=None):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, classes, size, generator=g).to(torch.uint8)
    metres = torch.rand(size, generator=g) * 5 + 0.5
    vectors = functional.normalize(torch.randn(3, *size, generator=g), dim=0)
    ids[0, 0], metres[0, 1], vectors[:, 0, 2] = VOID, NAN, NAN
    image = torch.zeros(3, *size, dtype=torch.uint8)
    return Example(image, ids if labels else None, metres if depth else None, vectors if normals else None, channels)


def gradients(outputs, targets, **options):
    losses = joint_loss(outputs, targets, **options)
    return losses, torch.autograd.grad(losses.total, outputs)


def test_cross_entropy_of_equal_logits_is_the_logarithm_of_their_number():
    labels = torch.tensor([[[0, 3, VOID], [1, VOID, 2]]], dtype=torch.uint8)
    assert segmentation_loss(torch.zeros(1, 7, 2, 3), labels).item() == pytest.approx(4 * math.log(7), rel=1e-6)


def test_cross_entropy_of_one_pixel():
    logits = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    expected = -2.0 + math.log(math.e + math.e**2 + math.e**4)
    assert segmentation_loss(logits, torch.tensor([[[1]]], dtype=torch.uint8)).item() == pytest.approx(expected)


def test_channels_make_it_the_cross_entropy_of_a_slice():
    logits = torch.randn(2, 9, 3, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.stack([torch.randint(0, 4, (3, 4)), torch.randint(0, 5, (3, 4))]).to(torch.uint8)
    labels[:, 0, 0] = VOID
    channels = torch.tensor([[0, 4], [4, 5]])
    loss = segmentation_loss(logits, labels, channels)
    ids = labels.long()
    slices = (logits[:1, :4], ids[:1]), (logits[1:, 4:], ids[1:])
    expected = sum(functional.cross_entropy(x, y, ignore_index=VOID, reduction="sum") for x, y in slices)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    (grad,) = torch.autograd.grad(loss, logits)
    assert grad[0, 4:].eq(0).all()
    assert grad[1, :4].eq(0).all()
    assert grad[0, :4, 1:].ne(0).all()


def test_berhu_is_the_error_below_a_fifth_of_the_greatest_and_a_parabola_above():
    predicted = torch.tensor([[[1.0, 3.0, 12.0, -5.0, 99.0]]])
    measured = torch.tensor([[[1.0, 2.0, 2.0, 3.0, 0.0]]])
    # Errors 0, 1, 10, and 3 (a negative prediction counts as zero); c is 2.
    expected = 0 + 1 + (100 + 4) / 4 + (9 + 4) / 4
    assert berhu_loss(predicted, measured).item() == pytest.approx(expected)


def test_relative_berhu_is_that_of_the_ratios():
    torch.manual_seed(3)
    predicted, measured = 4 * torch.rand(2, 4, 5), 0.5 + 4 * torch.rand(2, 4, 5)
    measured[0, 0] = torch.nan

    loss = berhu_loss(predicted, measured, relative=True)

    assert loss.item() == pytest.approx(berhu_loss(predicted / measured, measured / measured).item())


def test_berhu_of_a_perfect_prediction_is_zero_with_finite_gradients():
    predicted = torch.full((1, 2, 2), 3.0, requires_grad=True)
    loss = berhu_loss(predicted, torch.full((1, 2, 2), 3.0))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(predicted.grad).all()


def test_berhu_draws_every_pixel_towards_its_measurement():
    # With c a function of the predictions, the worst of many bad pixels would be pushed away.
    predicted = torch.tensor([[[9.0] * 50 + [10.0]]], requires_grad=True)
    berhu_loss(predicted, torch.ones(1, 1, 51)).backward()
    assert (predicted.grad > 0).all()


def test_normal_loss_is_one_minus_the_cosine_at_any_length():
    annotated = torch.tensor([[0.0, 0.0, -1.0]] * 3).T.reshape(1, 3, 1, 3)
    predicted = torch.tensor([[0.0, 0.0, -7.0], [0.2, 0.0, 0.0], [0.0, 0.0, 3.0]]).T.reshape(1, 3, 1, 3)
    assert normal_loss(predicted, annotated).item() == pytest.approx(0 + 1 + 2, abs=1e-6)


def test_gradients_are_the_numerical_ones():
    torch.manual_seed(1)
    logits = torch.randn(2, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[[0, 1, 2], [3, VOID, 0]], [[1, 1, VOID], [2, 3, 0]]], dtype=torch.uint8)
    channels = torch.tensor([[0, 4], [0, 4]])
    assert torch.autograd.gradcheck(lambda x: segmentation_loss(x, labels), logits)
    assert torch.autograd.gradcheck(lambda x: segmentation_loss(x, labels, channels), logits)

    depth = (torch.rand(2, 2, 3, dtype=torch.float64) * 8 + 0.1).requires_grad_()
    measured = torch.tensor([[[1.0, NAN, 2.0], [0.0, 3.0, 4.0]], [[9.0, 1.5, 2.5], [0.7, NAN, 6.0]]]).double()
    greatest = torch.tensor(7.0, dtype=torch.float64)  # held fixed, as the gradient holds it
    assert torch.autograd.gradcheck(lambda x: berhu_loss(x, measured, lambda _: greatest), depth)

    vectors = torch.randn(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    annotated = functional.normalize(torch.randn(2, 3, 2, 3, dtype=torch.float64), dim=1)
    annotated[0, :, 0, 0] = NAN
    assert torch.autograd.gradcheck(lambda x: normal_loss(x, annotated), vectors)


def test_joint_gradient_is_the_numerical_one_through_the_resize():
    outputs = random_outputs(size=(2, 3))
    targets = collate([example(1), example(2, labels=False, depth=False)]).targets
    doubled = targets._replace(depth=targets.depth.double(), normals=targets.normals.double())
    greatest = torch.tensor(4.0, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda *o: joint_loss(Outputs(*o), doubled, reduce_max=lambda _: greatest).total, tuple(outputs)
    )


def test_total_is_the_weighted_sum_of_means():
    outputs, targets = random_outputs(), collate([example(1), example(2)]).targets
    losses = joint_loss(outputs, targets, Weights(2.0, 3.0, 5.0))
    pixels = 2 * (4 * 6 - 1)  # one pixel of each kind is void or NaN in each sample
    assert losses.segm.item() == pytest.approx(segmentation_loss(outputs.segm, targets.labels).item() / pixels)
    assert losses.depth.item() == pytest.approx(berhu_loss(outputs.depth[:, 0], targets.depth).item() / pixels)
    assert losses.normal.item() == pytest.approx(normal_loss(outputs.normal, targets.normals).item() / pixels)
    assert losses.total.item() == pytest.approx(
        2 * losses.segm.item() + 3 * losses.depth.item() + 5 * losses.normal.item()
    )


@pytest.mark.parametrize("missing", ["labels", "depth", "normals"])
def test_what_a_sample_lacks_has_exactly_no_gradient_and_the_rest_keeps_its_own(missing):
    head = ("labels", "depth", "normals").index(missing)
    outputs = random_outputs()
    _, got = gradients(outputs, collate([example(1, **{missing: False}), example(2)]).targets)
    assert got[head][0].eq(0).all()
    assert all(torch.isfinite(g).all() for g in got)
    for other in {0, 1, 2} - {head}:
        assert got[other][0].ne(0).any()
    # The other sample's gradient in that head is that of a batch in which it is alone.
    alone = Outputs(*(o[1:].detach().requires_grad_() for o in outputs))
    _, expected = gradients(alone, collate([example(2)]).targets)
    torch.testing.assert_close(got[head][1:], expected[head])


def test_head_that_no_sample_annotates_gets_exactly_zero_gradient():
    torch.manual_seed(0)
    network = JointNetwork(5, 3)
    batch = collate([example(1, size=(32, 32), labels=False), example(2, size=(32, 32), labels=False)])
    losses = joint_loss(network(torch.randn(2, 3, 32, 32)), batch.targets)
    losses.total.backward()
    assert losses.segm.item() == 0
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        if name.split(".")[0] in ("segm", "pre_segm"):
            assert parameter.grad.eq(0).all(), name
        if name in ("depth.weight", "normal.weight"):
            assert parameter.grad.ne(0).any(), name


def test_batch_without_any_annotation_has_zero_loss_and_zero_gradient():
    outputs = random_outputs()
    nothing = {"labels": False, "depth": False, "normals": False}
    losses, got = gradients(outputs, collate([example(1, **nothing), example(2, **nothing)]).targets)
    assert losses.total.item() == 0
    assert all(g.eq(0).all() for g in got)


def test_network_of_two_tasks_has_no_normal_loss():
    outputs = random_outputs()
    targets = collate([example(1), example(2)]).targets
    two = joint_loss(Outputs(outputs.segm, outputs.depth), targets)
    three = joint_loss(outputs, targets)
    assert two.normal.item() == 0
    assert two.total.item() == pytest.approx(0.5 * three.segm.item() + 0.5 * three.depth.item())


def test_batch_in_parts_with_common_counts_has_the_gradient_of_the_whole():
    examples = [example(1), example(2, labels=False), example(3, depth=False), example(4)]
    whole = collate(examples).targets
    outputs = random_outputs(4)
    _, expected = gradients(outputs, whole)
    counts = count_targets(whole)
    greatest = (outputs.depth[:, 0] - whole.depth).abs().nan_to_num().max().detach()
    for part in (slice(0, 1), slice(1, 4)):
        some = Outputs(*(o[part].detach().requires_grad_() for o in outputs))
        options = {"counts": counts, "reduce_max": lambda _: greatest}
        _, got = gradients(some, collate(examples[part]).targets, **options)
        for g, e in zip(got, expected, strict=True):
            torch.testing.assert_close(g, e[part])


def test_half_precision_outputs_are_summed_in_single():
    size = (48, 64)
    outputs = Outputs(*(o.detach().to(torch.bfloat16).requires_grad_() for o in random_outputs(size=size)))
    targets = collate([example(1, size=size), example(2, size=size)]).targets
    losses = joint_loss(outputs, targets)
    assert losses.total.dtype == torch.float32
    exact = joint_loss(Outputs(*(o.detach().double() for o in outputs)), targets)
    for got, expected in zip(losses, exact, strict=True):
        assert got.item() == pytest.approx(expected.item(), rel=1e-5)
    losses.total.backward()
    assert all(o.grad.dtype == torch.bfloat16 for o in outputs)


def test_counts_are_of_annotated_pixels_and_at_least_one():
    targets = collate([example(1), example(2, depth=False, normals=False)]).targets
    assert count_targets(targets) == Counts(torch.tensor(46.0), torch.tensor(23.0), torch.tensor(23.0))
    nothing = collate([example(1, labels=False, depth=False, normals=False)]).targets
    assert [c.item() for c in count_targets(nothing)] == [1, 1, 1]
