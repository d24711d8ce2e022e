# SPDX-License-Identifier: Apache-2.0
"""The peer is no straw man: the same network, and outputs that mean the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from std_msgs.msg import Header

from joint_perception.benchmark.pictures import drawn
from joint_perception.benchmark.variants import peer_module
from joint_perception.engine.preprocess import MEAN, STD
from joint_perception.network import load_network, resolve_weights
from joint_perception.network.model import ChainedResidualPooling

WEIGHTS = "demo"


@pytest.fixture(scope="module")
def peer():
    return peer_module()


@pytest.fixture(scope="module")
def image():
    return drawn(160, 120, 1)[0].frame.image


def test_the_published_layers_say_what_ours_say(peer):
    ours, published = load_network(resolve_weights(WEIGHTS).path).eval(), peer.published_network(WEIGHTS)
    pooling = [module for module in published.modules() if isinstance(module, ChainedResidualPooling)]
    x = torch.rand(1, 3, 96, 128)

    with torch.no_grad():
        for mine, theirs in zip(ours(x), published(x), strict=True):
            if mine is not None:
                torch.testing.assert_close(mine, theirs.cpu(), rtol=1e-4, atol=1e-4)

    assert len(pooling) == 4
    assert all(type(module).__name__ == "PublishedPooling" for module in pooling)


def test_it_normalises_as_the_network_was_trained(peer):
    np.testing.assert_allclose(peer.MEAN.ravel(), MEAN)
    np.testing.assert_allclose(peer.STD.ravel(), STD)


def test_labels_and_depth_have_the_size_of_the_image(peer, image):
    labels, depth = peer.predict(peer.published_network(WEIGHTS), image)

    assert labels.shape == depth.shape == image.shape[:2]
    assert (labels.dtype, depth.dtype) == (np.uint8, np.float32)
    assert (depth >= 0).all()


def test_its_cloud_is_where_its_depth_says(peer, image):
    height, width = image.shape[:2]
    depth = np.full((height, width), 2.0, np.float32)
    k = [100.0, 0, width / 2, 0, 100.0, height / 2, 0, 0, 1]

    cloud = peer.cloud_message(Header(frame_id="camera"), image, depth, k)

    points = np.frombuffer(cloud.data, peer.POINT).reshape(height, width)
    assert cloud.row_step * cloud.height == len(cloud.data)
    assert points["x"][0, 0] == pytest.approx((0 - width / 2) * 2 / 100)
    assert points["y"][-1, 0] == pytest.approx((height - 1 - height / 2) * 2 / 100)
    red, green, blue = image[3, 4].tolist()
    assert points["rgb"][3, 4] == red << 16 | green << 8 | blue
