# SPDX-License-Identifier: Apache-2.0
"""`joint_perception infer`: image files through the network, without ROS."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from joint_perception.domains import DOMAINS
from joint_perception.offline.runtime_options import add_runtime_options

if TYPE_CHECKING:
    import argparse


class OptionError(ValueError):
    """Options that contradict each other."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "infer",
        help="label images, depth and clouds of image files",
        description="Writes for each image <stem>_label.png (class ids), <stem>_depth.png (uint16 millimetres, 0: no "
        "measurement), <stem>_overlay.png, <stem>_panel.png (for a person) and <stem>.ply (coloured points).",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="PNG or JPEG files")
    parser.add_argument("--weights", required=True, help="named weights or checkpoint file")
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="what the labels mean (default: the weights' own)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add_runtime_options(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--fx",
        type=float,
        help="focal length in pixels, for the points (default: that of the domain's training camera)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Process the images; one that cannot be read is reported and skipped.

    Returns:
        Exit status: 1 if an image was skipped.

    Raises:
        OptionError: Two images have one stem, the focal length is none, or the folder cannot be made.
        ValueError, RuntimeError: Named after what is wrong with the weights, the domain, the device or a file.
    """
    from joint_perception.engine import Frame, load_engine  # noqa: PLC0415 (torch, a second: not for --help)
    from joint_perception.offline.files import ImageFileError, assumed_camera, read_image, write_results  # noqa: PLC0415

    by_stem: dict[str, Path] = {}
    for path in options.images:
        if path.stem in by_stem:
            raise OptionError(
                f"images {str(by_stem[path.stem])!r} and {str(path)!r} would write the same files; rename one, or "
                "process it into another --out"
            )
        by_stem[path.stem] = path
    if options.fx is not None and not 0 < options.fx < math.inf:
        raise OptionError(f"--fx is {options.fx}; a focal length in pixels is a number above zero")

    engine = load_engine(
        options.weights, options.domain, options.device, runtime=options.runtime, precision=options.precision
    )
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"--out {str(options.out)!r} cannot be made a folder ({error.strerror}); name another"
        ) from error
    failed = 0
    for stem, path in tqdm(by_stem.items(), unit="image", disable=len(by_stem) == 1):
        try:
            image = read_image(path)
        except ImageFileError as error:
            tqdm.write(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        height, width = image.shape[:2]
        frame = Frame(image, assumed_camera(engine.domain, width, height, options.fx))
        written = write_results(options.out, stem, frame, engine.predict([frame])[0], engine.domain)
        tqdm.write(f"{path}: {', '.join(file.name for file in written)}")
    print(f"{len(by_stem) - failed} of {len(by_stem)} image(s), results in {options.out}")
    return 1 if failed else 0
