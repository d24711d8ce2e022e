# SPDX-License-Identifier: Apache-2.0
"""The engine of a network that comes as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from joint_perception.engine.devices import select_device
from joint_perception.engine.engine import Engine
from joint_perception.engine.graph.contract import CONTRACT_SUFFIXES, embedded_contract, read_contract
from joint_perception.engine.graph.runtime import GraphRuntime
from joint_perception.engine.graph.session import open_session
from joint_perception.engine.reading import Reading
from joint_perception.engine.runtimes.selection import Choice

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from joint_perception.engine.frame import Frame, Prediction
    from joint_perception.engine.graph.contract import Contract
    from joint_perception.network import Outputs


class GraphEngine(Engine):
    """A network that comes as a file, and what its contract says of it; everything else as of `Engine`.

    Args:
        runtime: The network; its own network size holds.
        contract: What it takes and gives.
        domain: What its labels and depths mean; None or empty: as the contract says.

    Raises:
        DomainError: The network does not hold that domain.
    """

    runtime: GraphRuntime

    def __init__(self, runtime: GraphRuntime, contract: Contract, domain: str | None = None) -> None:
        # Not the parent's: that one is for a network of torch.
        self._contract = contract
        self.runtime, self.device = runtime, runtime.device
        self._whole_frames = None
        self.domain = contract.domain_called(domain, runtime.channels)
        self.network_size = runtime.network_size
        self.image_width = contract.image_width
        self.temperatures = dict(contract.temperatures)
        self.choice = Choice(runtime.name, runtime.precision, f"it runs {runtime.source}: {runtime.description}")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Of `segm`, `depth` and `normal`, those the network gives."""
        return ("segm", "depth", "normal")[: self.runtime.num_tasks]

    def reading(self, domain: str | None = None) -> Reading:
        """A reading by one of the domains that the network holds.

        Raises:
            DomainError: It does not hold it.
        """
        read = self._contract.domain_called(domain, self.runtime.channels) if domain else self.domain
        return Reading(read, temperature=self.temperatures.get(read.name, 1.0))

    def _seen_size(self, frame: Frame) -> tuple[int, int]:
        height, width = frame.image.shape[:2]
        return self.network_size or self.runtime.size_for((height, width))

    def _read(
        self, outputs: Outputs, size: tuple[int, int], reading: Reading, wanted: Collection[str]
    ) -> list[Prediction]:
        return self.runtime.read(outputs, size, reading, wanted)


def load_graph_engine(
    path: Path,
    domain: str | None = None,
    device: str = "auto",
    network_size: tuple[int, int] | None = None,
    runtime: str | None = None,
    precision: str = "fp32",
) -> GraphEngine:
    """Build an engine from a network's file or its contract; see `load_engine`.

    Raises:
        ContractError, DomainError, EngineError: Named after what is wrong.
    """
    contract, model = None, path
    if path.suffix.lower() in CONTRACT_SUFFIXES:
        contract = read_contract(path)
        model = path.parent / contract.model
    place = select_device(device)
    if device == "auto" and not (torch.cuda.is_available() and model.suffix.lower() == ".ts"):
        place = torch.device("cpu")  # where every runtime serves; a GPU is asked for by its name
    session = open_session(model, place, runtime or "auto", precision)
    if contract is None:
        contract = embedded_contract(session.metadata.get("contract"), model)
        source = f"network {str(path)!r}"
    else:
        source = f"contract {str(path)!r}"
    return GraphEngine(GraphRuntime(session, contract, source, place, precision, network_size), contract, domain)
