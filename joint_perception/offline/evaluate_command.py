# SPDX-License-Identifier: Apache-2.0
"""`joint_perception evaluate`: weights measured on a data set."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.domains import DOMAINS
from joint_perception.offline.runtime_options import add_runtime_options

if TYPE_CHECKING:
    import argparse

    from joint_perception.learning.evaluate import Evaluation

# Those of learning.datasets and learning.evaluate, which need torch to be imported; a test holds them equal.
_DATASETS = ("camvid", "nyud", "kitti", "rooms", "streets")
_CROPS = ("none", "garg", "eigen")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "evaluate",
        help="mIoU, depth and normal errors of weights on a data set",
        description="Measures weights on a data set and prints each figure with its protocol. rooms and streets are "
        "synthetic and need no files; for the others, a missing --root says what to download.",
    )
    parser.add_argument("--dataset", required=True, choices=_DATASETS, help="what to measure on")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder that holds the data set")
    parser.add_argument("--split", default="test", help="part of the data set (default: test)")
    parser.add_argument("--weights", required=True, help="named weights or checkpoint file")
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="what the labels mean (default: the data set's)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add_runtime_options(parser)
    parser.add_argument(
        "--crop", default="none", choices=_CROPS, help="part of the image depth is measured in (default: none)"
    )
    parser.add_argument("--cap", type=float, metavar="M", help="greatest depth in metres that counts (default: all)")
    parser.add_argument("--batch", type=int, default=4, metavar="N", help="images at a time (default: 4)")
    parser.add_argument("--limit", type=int, metavar="N", help="measure the first N images only")
    parser.add_argument(
        "--degrade",
        metavar="KIND[:STRENGTH]",
        help="make the images worse first: noise, blur, dark, jpeg or rolling_crop (see docs/robustness.md)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        ValueError, RuntimeError: Named after what is wrong with the weights, the domain, the device, the data set
            or a file of it.
    """
    from joint_perception.engine import load_engine  # noqa: PLC0415 (torch, a second: not for --help)
    from joint_perception.learning.datasets import Dataset, open_dataset  # noqa: PLC0415
    from joint_perception.learning.degradation import Degraded, parse_degradation  # noqa: PLC0415
    from joint_perception.learning.evaluate import evaluate  # noqa: PLC0415

    degradation = None if options.degrade is None else parse_degradation(options.degrade)
    dataset: Dataset = open_dataset(options.dataset, options.root, options.split)
    if degradation is not None:
        dataset = Degraded(dataset, degradation)
    domain = options.domain or (dataset.domain.name if dataset.domain else None)
    evaluation = evaluate(
        load_engine(options.weights, domain, options.device, runtime=options.runtime, precision=options.precision),
        dataset,
        weights=options.weights,
        crop=options.crop,
        cap=options.cap,
        batch=options.batch,
        limit=options.limit,
    )
    print(json.dumps(evaluation.to_json(), indent=2) if options.json else table(evaluation))
    return 0


def table(evaluation: Evaluation) -> str:
    """The figures as a table for a person, each line with its protocol."""
    protocol, rows = evaluation.protocol, []
    if (s := evaluation.segmentation) is not None:
        iou = {f"IoU {name}": value for name, value in zip(evaluation.class_names, s.iou, strict=True)}
        figures = {"mIoU": s.miou, **iou, "pixel accuracy": s.pixel_accuracy}
        rows += [(name, value, "", protocol.for_labels) for name, value in figures.items() if not math.isnan(value)]
    if (c := evaluation.confidence) is not None:
        by = f"15 bins, temperature {evaluation.temperature:.3g}; {protocol.for_labels}"
        rows += [("mean confidence", c.mean, "", by), ("ECE", c.ece, "", by)]
    if (d := evaluation.depth) is not None:
        rows += [
            ("RMSE", d.rmse, "m", protocol.for_depth),
            ("RMSE log", d.rmse_log, "", protocol.for_depth),
            ("abs rel", d.abs_rel, "", protocol.for_depth),
            ("sq rel", d.sq_rel, "m", protocol.for_depth),
            ("delta < 1.25", d.delta1, "", protocol.for_depth),
            ("delta < 1.25^2", d.delta2, "", protocol.for_depth),
            ("delta < 1.25^3", d.delta3, "", protocol.for_depth),
            ("depth coverage", d.coverage, "", protocol.for_depth),
        ]
    if (n := evaluation.normals) is not None:
        rows += [
            ("normals mean", n.mean, "deg", protocol.for_normals),
            ("normals median", n.median, "deg", protocol.for_normals),
            ("normals < 11.25 deg", n.below_11_25, "", protocol.for_normals),
            ("normals < 22.5 deg", n.below_22_5, "", protocol.for_normals),
            ("normals < 30 deg", n.below_30, "", protocol.for_normals),
            ("normals coverage", n.coverage, "", protocol.for_normals),
        ]
    width = max((len(name) for name, *_ in rows), default=0)
    lines = [f"weights {evaluation.weights} on {protocol.heading}"]
    lines += [f"{name:<{width}}  {value:9.4f} {unit:<3}  {by}" for name, value, unit, by in rows]
    return "\n".join(lines)
