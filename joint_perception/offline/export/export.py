# SPDX-License-Identifier: Apache-2.0
"""Weights to a file: which graph, which contract, what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import joint_perception
from joint_perception.network import NAMED_WEIGHTS, resolve_weights
from joint_perception.network.weights import digests
from joint_perception.offline.export.graphs import HeadsGraph, PictureGraph, halved
from joint_perception.offline.export.writers import ExportError, write_graph

if TYPE_CHECKING:
    from pathlib import Path

    from joint_perception.engine import Engine


def export(
    engine: Engine,
    weights: str,
    target: Path,
    kind: str,
    size: tuple[int, int] | None,
    *,
    inside: bool,
    half: bool,
) -> dict[str, str]:
    """Write the network of an engine.

    Args:
        engine: On the CPU, of a checkpoint.
        weights: Its name or path.
        target: See `write_graph`.
        kind: See `write_graph`.
        size: See `write_graph`.
        inside: Whether pre- and post-processing are part of the graph.
        half: Whether its parameters are stored as float16.

    Returns:
        What was written into the file beside the network.

    Raises:
        ExportError: The weights are such a file already, a package is missing, or the network cannot be written so.
        OSError: The file cannot be written.
    """
    network = getattr(engine, "network", None)
    if network is None:
        raise ExportError(f"weights {weights!r} are an exported network already; export from the checkpoint")
    domain = engine.domain
    network = halved(network) if half else network
    temperature = engine.temperatures.get(domain.name, 1.0)
    graph = PictureGraph(network, domain, temperature) if inside else HeadsGraph(network)
    graph.eval()
    located = resolve_weights(weights)
    contract = graph.contract(domain, None if size is None else (size[1], size[0]), located.image_width)
    if not inside:
        contract.temperatures.update(engine.temperatures)
    named = NAMED_WEIGHTS.get(weights)
    metadata = {
        "contract": contract.to_json(),
        "version": joint_perception.__version__,
        "weights": weights if named else located.path.name,
        "weights_sha256": digests(located.path)[2],
        "licence": named.licence if named else "that of the weights",
        "domain": domain.name,
        "classes": ",".join(domain.class_names),
        "depth_range": "{:g},{:g}".format(*domain.depth_range),
        "tasks": ",".join(engine.modalities),
        "size": "any" if size is None else f"{size[1]}x{size[0]}",
        "processing": "inside" if inside else "outside",
        "precision": "fp16" if half else "fp32",
    }
    write_graph(graph, target, kind, size, metadata, half=half)
    return metadata
