# SPDX-License-Identifier: Apache-2.0
"""`joint_perception robustness`: what weights lose on bad images, and whether their confidence falls with it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.offline.train_command import roots_of

if TYPE_CHECKING:
    import argparse

_DATASETS = ("camvid", "nyud", "kitti", "rooms", "streets")  # as for evaluate
TABLE, FIGURES, DIAGRAM, EXAMPLES = "robustness.md", "robustness.json", "reliability.png", "examples_{}.png"
_STREET_CAP_M = 80.0  # the literature's for KITTI; the sky's depth would count otherwise


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "robustness",
        help="what weights lose on noise, blur, darkness, JPEG and crops, and how their confidence takes it",
        description="Measures weights on each data set as it is and made worse, and leaves in --out: "
        f"{TABLE}, {FIGURES}, {DIAGRAM} (accuracy over confidence) and {EXAMPLES.format('DATASET')}.",
    )
    parser.add_argument("--weights", required=True, help="named weights or checkpoint file")
    parser.add_argument(
        "--dataset", required=True, action="append", choices=_DATASETS, help="what to measure on; once for each"
    )
    parser.add_argument(
        "--root", action="append", default=[], metavar="NAME=DIR", help="folder of a data set; once for each"
    )
    parser.add_argument("--split", default="test", help="part of the data sets (default: test)")
    parser.add_argument(
        "--limit", type=int, default=40, metavar="N", help="images of each, spread over it (default: 40)"
    )
    parser.add_argument(
        "--degrade",
        action="append",
        metavar="KIND[:STRENGTH]",
        help="noise, blur, dark, jpeg or rolling_crop; once for each (default: each at its own strength)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for table and pictures")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, write, and print the table.

    Raises:
        ValueError, RuntimeError, OSError: Named after what is wrong with the weights, a data set, a degradation, the
            device or the folder; or matplotlib is not installed.
    """
    from joint_perception.engine import load_engine  # noqa: PLC0415 (torch: not for --help)
    from joint_perception.learning.datasets import open_dataset  # noqa: PLC0415
    from joint_perception.learning.degradation import KINDS, parse_degradation  # noqa: PLC0415
    from joint_perception.learning.robustness import measure, table  # noqa: PLC0415
    from joint_perception.offline.files import write_image  # noqa: PLC0415
    from joint_perception.offline.robustness_pictures import draw_examples, draw_reliability  # noqa: PLC0415

    if options.limit < 1:
        raise ValueError(f"--limit is {options.limit}; it must be at least 1")
    if find_spec("matplotlib") is None:  # asked now, not when all is measured
        raise RuntimeError("the reliability diagrams need matplotlib: pip install 'matplotlib>=3.8,<4'")
    degradations = [parse_degradation(text) for text in options.degrade or KINDS]
    roots = roots_of(options.root)
    datasets = [
        open_dataset(name, Path(roots[name]).expanduser() if name in roots else None, options.split)
        for name in dict.fromkeys(options.dataset)
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    measurements = []
    for dataset in datasets:
        domain = dataset.domain.name if dataset.domain else None
        engine = load_engine(options.weights, domain, options.device)
        measurements += measure(
            engine,
            dataset,
            degradations,
            weights=options.weights,
            cap=_STREET_CAP_M if domain == "kitti" else None,
            limit=options.limit,
            progress=not options.no_progress,
        )
        write_image(
            options.out / EXAMPLES.format(dataset.name),
            draw_examples(engine, dataset, degradations, min(len(dataset) - 1, len(dataset) // 3)),
        )
    text = table(measurements)
    (options.out / TABLE).write_text(text + "\n", encoding="utf-8")
    figures = [measurement.to_json() for measurement in measurements]
    (options.out / FIGURES).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    draw_reliability(measurements, options.out / DIAGRAM)
    print(text)
    return 0
