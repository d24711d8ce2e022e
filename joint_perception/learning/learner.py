# SPDX-License-Identifier: Apache-2.0
"""What learns: the network, its optimiser and the average of its weights, a step at a time."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from joint_perception.learning.averaging import average_of
from joint_perception.learning.datasets import network_input
from joint_perception.learning.initialise import initialise
from joint_perception.learning.losses import Counts, Weights, count_targets, joint_loss
from joint_perception.learning.optimiser import make_optimiser, set_learning_rate
from joint_perception.network import JointNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joint_perception.learning.datasets import Batch
    from joint_perception.learning.processes import Processes
    from joint_perception.learning.training_config import TrainingConfig


class TrainingError(RuntimeError):
    """A training that cannot go on, or would overwrite another."""


class Progress(NamedTuple):
    """What a step did: the loss of the whole batch and of each head, the learning rate, the gradient's norm."""

    loss: float
    segm: float
    depth: float
    normal: float
    rate: float
    norm: float


class Learner:
    """A network that learns.

    Args:
        config: How.
        processes: This process among those that learn together.

    Attributes:
        fresh: Tensors of heads that the weights to start from lack.

    Raises:
        WeightsError, CheckpointError: The weights to start from are not there, or do not fit.
    """

    def __init__(self, config: TrainingConfig, processes: Processes) -> None:
        self._config, self._processes = config, processes
        self._network = JointNetwork(config.network.classes, config.network.tasks)
        self.fresh = initialise(self._network, config.network)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self._network.to(processes.device, memory_format=layout)  # type: ignore[call-overload]
        self._average = average_of(self._network, config.average)
        self._optimiser = make_optimiser(self._network, config.optimiser)
        self._model = self._distributed()

    @property
    def averaged(self) -> JointNetwork:
        """The average of the weights, in evaluation mode."""
        return cast("JointNetwork", self._average.module)

    def state(self) -> dict[str, Any]:
        """All that a step depends on and changes."""
        return {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Become as when `state()` was called."""
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])

    def learn(self, parts: Sequence[Batch], step: int) -> Progress:
        """Make a step.

        Args:
            parts: This process's parts of the batch.
            step: Number of the step, from zero.

        Raises:
            TrainingError: The loss or its gradient is not finite.
        """
        config = self._config
        rate = set_learning_rate(self._optimiser, config.optimiser, step, config.steps)
        self._model.train()
        if config.network.freeze_batch_norm:
            for module in self._model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 (SyncBatchNorm's base too)
                    module.eval()
        losses = self._add_gradients(parts)
        norm = nn.utils.clip_grad_norm_(self._network.parameters(), config.optimiser.clip or math.inf)
        total, segm, depth, normal = (self._processes.sum(losses) / self._processes.count).tolist()
        progress = Progress(total, segm, depth, normal, rate, norm.item())
        if not all(map(math.isfinite, progress)):
            raise TrainingError(
                f"the loss of step {step} is {progress.loss}, the norm of its gradient {progress.norm}; go back to "
                "the saved state with --resume, or begin anew with a lower learning_rate, a longer warm_up or a clip"
            )
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._average.update_parameters(self._network)
        return progress

    def _add_gradients(self, parts: Sequence[Batch]) -> Tensor:
        """Add the gradient of the loss to the parameters'.

        Every loss is divided by the annotated pixels of all parts of all processes, for each process: the sum over
        parts and, as gradients of processes are averaged, the mean over processes is that of the undivided batch.

        Returns:
            (4,) losses of this process's parts: total, segm, depth, normal.
        """
        config, processes = self._config, self._processes
        targets = [part.targets.to(processes.device) for part in parts]
        pixels = torch.stack([torch.stack(count_targets(target)) for target in targets]).sum(dim=0)
        counts = Counts(*(processes.sum(pixels) / processes.count))
        losses = torch.zeros(4, device=processes.device)
        for number, (part, target) in enumerate(zip(parts, targets, strict=True), start=1):
            images = network_input(part.images.to(processes.device, non_blocking=True))
            if not config.channels_last:
                images = images.contiguous()
            with self._averaging_gradients(now=number == len(parts)):
                with torch.autocast(processes.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                    outputs = self._model(images)
                heads = Weights(config.loss.segm, config.loss.depth, config.loss.normal)
                relative = config.loss.depth_error == "relative"
                loss = joint_loss(outputs, target, heads, counts, processes.greatest, relative=relative)
                loss.total.backward()  # type: ignore[no-untyped-call]
            losses += torch.stack(loss).detach()
        return losses

    def _averaging_gradients(self, *, now: bool) -> Any:
        """Whether the backward pass within the `with` block averages the gradients of all processes: once a step."""
        return nullcontext() if now or not isinstance(self._model, DistributedDataParallel) else self._model.no_sync()

    def _distributed(self) -> nn.Module:
        network, processes = self._network, self._processes
        if processes.count == 1:
            return network
        if processes.device.type == "cpu":
            # There is no SyncBatchNorm: each process normalises by its own part of the batch, and the running
            # statistics are those of the first.
            return DistributedDataParallel(network)
        if not self._config.network.freeze_batch_norm:
            nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(network, device_ids=[processes.device.index])
