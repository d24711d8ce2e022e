# SPDX-License-Identifier: Apache-2.0
"""The moving average of the weights: what is measured and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.optim.swa_utils import AveragedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn


def average_of(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's parameters and of batch normalisation's statistics.

    After the n-th update, counted from zero, it is d_n average + (1 - d_n) network, with d_0 = 0 and
    d_n = min(decay, (1 + n) / (10 + n)): the random numbers of the start are soon forgotten (TensorFlow's
    ExponentialMovingAverage with `num_updates`).

    Args:
        network: What is averaged; its present weights are copied.
        decay: From 0, which makes it the network itself, to below 1.

    Returns:
        Call `update_parameters(network)` after each step; the averaged network is its `module`, in evaluation mode.
    """
    average = AveragedModel(network, multi_avg_fn=_averaging(decay), use_buffers=True)
    average.eval().requires_grad_(False)  # noqa: FBT003 (torch's signature)
    return average


def _averaging(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    @torch.no_grad()
    def average(averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
        count = int(updates)
        share = 1 - min(decay, (1 + count) / (10 + count))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(list(averaged), list(current), share)  # as torch's own averages do
        else:
            for old, new in zip(averaged, current, strict=True):  # batch normalisation's counters
                old.copy_(new)

    return average
