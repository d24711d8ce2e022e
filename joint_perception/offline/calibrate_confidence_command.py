# SPDX-License-Identifier: Apache-2.0
"""`joint_perception calibrate-confidence`: a temperature for weights, so that a confidence of 0.8 is right 8 in 10."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.offline.train_command import roots_of

if TYPE_CHECKING:
    import argparse

_DATASETS = ("camvid", "nyud", "kitti", "rooms", "streets")  # as for evaluate


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "calibrate-confidence",
        help="fit the temperature of weights, so that their confidence is what it says",
        description="Fits one temperature for each domain on validation images and writes the weights anew, with it "
        "in their metadata. The node and all verbs apply it to confidence; no label changes.",
    )
    parser.add_argument("--weights", required=True, help="named weights or checkpoint file")
    parser.add_argument(
        "--dataset", required=True, action="append", choices=_DATASETS, help="what to fit to; once for each"
    )
    parser.add_argument(
        "--root", action="append", default=[], metavar="NAME=DIR", help="folder of a data set; once for each"
    )
    parser.add_argument("--split", default="val", help="part of the data sets (default: val)")
    parser.add_argument(
        "--limit", type=int, default=40, metavar="N", help="images of each, spread over it (default: 40)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the .safetensors file to write")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, write, and print what it did.

    Raises:
        ValueError, RuntimeError, OSError: Named after what is wrong with the weights, a data set, the device or the
            file.
    """
    from joint_perception.learning.calibrate import fit_temperatures  # noqa: PLC0415 (torch: not for --help)
    from joint_perception.learning.datasets import open_dataset  # noqa: PLC0415
    from joint_perception.network import load_network, resolve_weights  # noqa: PLC0415
    from joint_perception.network.temperatures import read_temperatures, write_temperatures  # noqa: PLC0415
    from joint_perception.network.weights import digests  # noqa: PLC0415

    if options.limit < 1:
        raise ValueError(f"--limit is {options.limit}; it must be at least 1")
    roots = roots_of(options.root)
    datasets = [
        open_dataset(name, Path(roots[name]).expanduser() if name in roots else None, options.split)
        for name in dict.fromkeys(options.dataset)
    ]
    source = resolve_weights(options.weights).path
    fits = fit_temperatures(load_network(source), datasets, limit=options.limit, device=options.device)
    fitted = {fit.domain: round(fit.temperature, 4) for fit in fits}
    write_temperatures(source, options.out, read_temperatures(source) | fitted)
    print(f"{'domain':<11} {'temperature':>11} {'ECE before':>10} {'after':>6}  {'accuracy':>8}  fitted to")
    for fit in fits:
        print(
            f"{fit.domain:<11} {fit.temperature:11.3f} {fit.before.ece:10.4f} {fit.after.ece:6.4f}  "
            f"{fit.after.accuracy:8.4f}  {options.split} of {', '.join(fit.datasets)}, {fit.after.pixels} pixels"
        )
    size, blob, sha256 = digests(options.out)
    print(f"{options.out}\nsize {size}\ngit_blob_sha1 {blob}\nsha256 {sha256}")
    return 0
