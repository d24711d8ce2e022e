# SPDX-License-Identifier: Apache-2.0
"""The network's structure: what was published about its tensors, and its sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joint_perception.network import JointNetwork
from joint_perception.network.model import ChainedResidualPooling, count_parameters, device_of

# Classes, tasks, learnt values, tensors without num_batches_tracked: as published.
PUBLISHED = ((40, 2, 3_070_057, 291), (40, 3, 3_077_228, 294), (6, 2, 2_991_687, 291), (46, 2, 3_083_887, 291))


def published_encoder():
    """Names and shapes of the encoder's tensors, written out from the authors' description."""
    shapes = {}

    def conv_bn(conv, bn, shape):
        shapes[f"{conv}.weight"] = shape
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{bn}.{part}"] = (shape[0],)

    conv_bn("layer1.0", "layer1.1", (32, 3, 3, 3))
    inputs = 32
    stages = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
    for layer, (expansion, outputs, repeats) in enumerate(stages, start=2):
        for block in range(repeats):
            hidden = inputs * expansion
            for part, shape in enumerate(((hidden, inputs, 1, 1), (hidden, 1, 3, 3), (outputs, hidden, 1, 1))):
                at = f"layer{layer}.{block}.output.{part}"
                conv_bn(f"{at}.0", f"{at}.1", shape)
            inputs = outputs
    return shapes


def published_shapes(num_classes, num_tasks):
    """Names and shapes of the authors' checkpoints."""
    shapes = published_encoder()
    for conv, channels in (("conv8", 320), ("conv7", 160), ("conv6", 96), ("conv5", 64), ("conv4", 32), ("conv3", 24)):
        shapes[f"{conv}.weight"] = (256, channels, 1, 1)
    for crp in (4, 3, 2, 1):
        for stage in (1, 2, 3, 4):
            shapes[f"crp{crp}.0.{stage}_outvar_dimred.weight"] = (256, 1 if crp == 1 else 256, 1, 1)
    for adapt in (4, 3, 2):
        shapes[f"conv_adapt{adapt}.weight"] = (256, 256, 1, 1)
    for head, channels in (("segm", num_classes), ("depth", 1), ("normal", 3))[:num_tasks]:
        shapes[f"pre_{head}.weight"] = (256, 1, 1, 1)
        shapes[f"{head}.weight"], shapes[f"{head}.bias"] = (channels, 256, 3, 3), (channels,)
    return shapes


@pytest.mark.parametrize(("classes", "tasks", "parameters", "tensors"), PUBLISHED)
def test_tensors_are_the_published_ones(classes, tasks, parameters, tensors):
    network = JointNetwork(classes, tasks)
    shapes = {n: tuple(t.shape) for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}

    assert count_parameters(network) == parameters
    assert len(shapes) == tensors
    assert shapes == published_shapes(classes, tasks)
    assert len(network.state_dict()) - len(shapes) == 52


@pytest.mark.parametrize(("classes", "tasks", "parameters", "tensors"), PUBLISHED)
def test_a_checkpoint_of_the_published_shapes_loads_strictly(classes, tasks, parameters, tensors):
    state = {name: torch.zeros(shape) for name, shape in published_shapes(classes, tasks).items()}

    refused = JointNetwork(classes, tasks).load_state_dict(state, strict=False)

    assert len(state) == tensors
    assert not refused.unexpected_keys
    assert all(name.endswith("num_batches_tracked") for name in refused.missing_keys)
    assert sum(t.numel() for n, t in state.items() if "running_" not in n) == parameters


def test_batch_normalisation_is_the_authors():
    layers = [m for m in JointNetwork(6).modules() if isinstance(m, nn.BatchNorm2d)]

    assert len(layers) == 52
    assert {(layer.eps, layer.momentum, layer.affine) for layer in layers} == {(1e-5, 0.1, True)}


def test_only_heads_have_a_bias_and_only_crp1_projects_depthwise():
    convolutions = {n: m for n, m in JointNetwork(6, 3).named_modules() if isinstance(m, nn.Conv2d)}

    assert {name for name, conv in convolutions.items() if conv.bias is not None} == {"segm", "depth", "normal"}
    crp_groups = {name: conv.groups for name, conv in convolutions.items() if name.startswith("crp")}
    assert crp_groups == {
        f"crp{crp}.0.{stage}_outvar_dimred": 256 if crp == 1 else 1 for crp in (1, 2, 3, 4) for stage in (1, 2, 3, 4)
    }


# 1/4, 1/8, 1/16 and 1/32 of the height and width, each rounded up at each stride of two.
@pytest.mark.parametrize(
    ("size", "levels"),
    [
        ((480, 640), [(120, 160), (60, 80), (30, 40), (15, 20)]),
        ((350, 1200), [(88, 300), (44, 150), (22, 75), (11, 38)]),
        ((97, 131), [(25, 33), (13, 17), (7, 9), (4, 5)]),
        ((95, 129), [(24, 33), (12, 17), (6, 9), (3, 5)]),
        ((64, 65), [(16, 17), (8, 9), (4, 5), (2, 3)]),
        ((63, 64), [(16, 16), (8, 8), (4, 4), (2, 2)]),
        ((5, 7), [(2, 2), (1, 1), (1, 1), (1, 1)]),
        ((1, 1), [(1, 1), (1, 1), (1, 1), (1, 1)]),
    ],
)
@torch.inference_mode()
def test_sizes_round_up_at_each_stride(size, levels):
    # The great ones by their shapes alone; the authors' outputs have one of them in numbers.
    device = "meta" if size[0] > 300 else "cpu"
    network = JointNetwork(6, 3).eval().to(device)
    seen = {}
    for name in ("layer3", "layer4", "layer6", "layer8"):
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.update({name: tuple(output.shape[2:])})
        )

    outputs = network(torch.zeros(1, 3, *size, device=device))

    assert list(seen.values()) == levels
    assert [tuple(head.shape) for head in outputs] == [(1, channels, *levels[0]) for channels in (6, 1, 3)]


@torch.inference_mode()
def test_images_of_a_batch_do_not_see_each_other(formula):
    network = JointNetwork(6)
    network.load_state_dict(formula.formula_state_dict(6, 2), strict=False)
    network.eval()
    one, other = formula.formula_input(35, 49), formula.formula_input(35, 49).flip(3)

    both = network(torch.cat([one, other]))

    for head in ("segm", "depth"):
        alone = torch.cat([getattr(network(one), head), getattr(network(other), head)])
        torch.testing.assert_close(getattr(both, head), alone, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(alone[0], alone[1], atol=0.1)


def test_two_tasks_have_no_normals_and_three_have():
    image = torch.zeros(1, 3, 32, 32)

    assert JointNetwork(6, 2).eval()(image).normal is None
    assert JointNetwork(6, 3).eval()(image).normal.shape == (1, 3, 8, 8)


@pytest.mark.parametrize("groups", [1, 256])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 4), (5, 5), (13, 17)])
@torch.inference_mode()
def test_pooling_equals_the_five_by_five_it_stands_for(groups, size):
    generator = torch.Generator().manual_seed(size[0] * 100 + size[1] + groups)
    block = ChainedResidualPooling(groups)
    for parameter in block.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    # All negative at first: padding by zeros, in place of minus infinity, would show.
    image = -5.0 - torch.rand(2, 256, *size, generator=generator)

    expected, top = image, image
    pool = nn.MaxPool2d(5, stride=1, padding=2)
    for stage in (1, 2, 3, 4):
        top = block.get_submodule(f"{stage}_outvar_dimred")(pool(top))
        expected = expected + top

    assert torch.equal(block(image), expected)


def test_gradients_reach_every_parameter():
    network = JointNetwork(6, 3)

    sum(head.square().mean() for head in network(torch.randn(2, 3, 64, 96))).backward()

    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize(
    ("classes", "tasks", "named"), [(0, 2, "num_classes is 0"), (6, 1, "num_tasks is 1"), (6, 4, "num_tasks is 4")]
)
def test_impossible_networks_are_refused(classes, tasks, named):
    with pytest.raises(ValueError, match=named):
        JointNetwork(classes, tasks)


def test_device_is_the_parameters_device():
    assert device_of(JointNetwork(6)) == torch.device("cpu")
    assert device_of(JointNetwork(6).to("meta")) == torch.device("meta")
