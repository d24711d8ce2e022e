# SPDX-License-Identifier: Apache-2.0
"""Temperatures of weights, fitted to images that they were not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from joint_perception.domains import DOMAINS, get_domain
from joint_perception.domains.domain import VOID_ID
from joint_perception.engine.devices import select_device
from joint_perception.learning.confidence import ConfidenceMetric, ConfidenceScores, fit_temperature
from joint_perception.learning.datasets import DatasetError, network_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joint_perception.learning.datasets import Dataset
    from joint_perception.network import JointNetwork

# Neighbouring pixels tell the same: two thousand of an image, drawn, tell what all of it would.
PIXELS = 2048


@dataclass(frozen=True)
class Fit:
    """A temperature, and what it did to the pixels that it was fitted to.

    Attributes:
        domain: Name of the domain.
        temperature: The temperature.
        datasets: Names of the data sets.
        before: Confidence at temperature 1.
        after: Confidence at the temperature.
    """

    domain: str
    temperature: float
    datasets: tuple[str, ...]
    before: ConfidenceScores
    after: ConfidenceScores


@dataclass(frozen=True)
class _Pixels:
    """Drawn pixels of a data set: (N, C) logits of all channels of the head, (N,) the right channel of each."""

    dataset: str
    domain: str
    logits: Tensor
    channels: Tensor


def fit_temperatures(
    network: JointNetwork,
    datasets: Sequence[Dataset],
    *,
    limit: int | None = None,
    device: str = "auto",
    progress: bool = True,
) -> list[Fit]:
    """Fit one temperature for each domain that the data sets speak, and for every domain that joins several.

    Args:
        network: In evaluation mode; it is moved to the device.
        datasets: Images that the network was not trained on. Each image counts by the same number of pixels.
        limit: Only so many images of each, spread evenly over it.
        device: See `Engine`.
        progress: Show a progress bar on stderr.

    Raises:
        DatasetError: A data set has no labels, or a file of it is bad.
        DomainError: The network's head does not hold a data set's domain.
    """
    place = select_device(device)
    network = network.to(place)
    drawn = [_draw(network, dataset, limit, place, progress=progress) for dataset in datasets]
    fits = []
    for name in DOMAINS:
        parts = [pixels for pixels in drawn if pixels.domain == name]
        if not parts and network.num_classes == DOMAINS[name].num_classes:
            parts = drawn  # the domain of the whole head, which those of the data sets are parts of
        if parts:
            fits.append(_fit(name, network.num_classes, parts))
    return fits


def _fit(name: str, head_classes: int, parts: list[_Pixels]) -> Fit:
    domain = get_domain(name, head_classes)
    first = domain.first_channel
    logits = torch.cat([part.logits for part in parts])[:, first : first + domain.num_classes]
    labels = torch.cat([part.channels for part in parts]) - first
    temperature = fit_temperature(logits, labels)
    names = tuple(dict.fromkeys(part.dataset for part in parts))
    return Fit(name, temperature, names, _scores(logits, labels, 1.0), _scores(logits, labels, temperature))


def _scores(logits: Tensor, labels: Tensor, temperature: float) -> ConfidenceScores:
    metric = ConfidenceMetric(logits.device)
    confidence, predicted = (logits / temperature).softmax(dim=1).max(dim=1)
    metric.update(confidence.clamp(0.0, 1.0), predicted, labels)
    scores = metric.scores()
    assert scores is not None  # fit_temperature refuses to go without pixels
    return scores


@torch.inference_mode()
def _draw(
    network: JointNetwork, dataset: Dataset, limit: int | None, device: torch.device, *, progress: bool
) -> _Pixels:
    if dataset.domain is None:
        raise DatasetError(f"data set {dataset.name!r} has no labels to calibrate by; choose another one")
    first = get_domain(dataset.domain.name, network.num_classes).first_channel
    generator = torch.Generator().manual_seed(0)
    logits, channels = [], []
    for index in tqdm(spread(len(dataset), limit), unit="image", desc=dataset.name, disable=not progress):
        sample = dataset[index]
        if sample.labels is None:
            continue
        image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].to(device)
        # As the engine does it: resized to the image, then read at its pixels.
        output = functional.interpolate(
            network(network_input(image)).segm.float(), sample.labels.shape, mode="bilinear", align_corners=False
        )
        labels = torch.from_numpy(sample.labels).flatten()
        annotated = torch.nonzero(labels != VOID_ID)[:, 0]
        chosen = annotated[torch.randperm(len(annotated), generator=generator)[:PIXELS]]
        logits.append(output[0].flatten(1)[:, chosen.to(device)].T.cpu())
        channels.append(labels[chosen].long() + first)
    if not sum(map(len, channels)):
        raise DatasetError(f"{dataset.name} {dataset.split} has no annotated pixel to calibrate by; choose another")
    return _Pixels(dataset.name, dataset.domain.name, torch.cat(logits), torch.cat(channels))


def spread(count: int, limit: int | None) -> list[int]:
    """So many places out of a count, spread evenly, the first among them."""
    taken = count if limit is None else min(limit, count)
    return [place * count // taken for place in range(taken)]
