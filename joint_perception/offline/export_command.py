# SPDX-License-Identifier: Apache-2.0
"""`joint_perception export`: weights as a file that ONNX Runtime, OpenVINO, TensorRT or libtorch reads, checked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.domains import DOMAINS

if TYPE_CHECKING:
    import argparse

    import numpy as np
    import numpy.typing as npt

# Those of offline.export.writers, which needs torch to be imported; a test holds them equal.
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".ts"}
_SIZE = re.compile(r"(\d+)x(\d+)")
_LEAST = 32  # as of the engine


class OptionError(ValueError):
    """Options that cannot be."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "export",
        help="weights as ONNX, OpenVINO or TorchScript, checked against torch",
        description="Writes the network with its weights as one file, which this package's node and `infer` take as "
        "--weights, and others' tools too. It says what it takes, gives and means. Both run on images, and a table "
        "says how far they agree.",
    )
    parser.add_argument("--weights", required=True, metavar="NAME|PATH", help="named weights or checkpoint file")
    parser.add_argument("--format", required=True, choices=tuple(SUFFIXES), help="kind of file")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="ends in .onnx, .xml or .ts")
    parser.add_argument("--size", metavar="WxH", help="the one size of images it takes (default: any, in any number)")
    parser.add_argument(
        "--processing",
        default="outside",
        choices=("outside", "inside"),
        help="outside: normalised pixels in, logits out; inside: bytes in, labels and metres out (default: outside)",
    )
    parser.add_argument(
        "--precision", default="fp32", choices=("fp32", "fp16"), help="how parameters are stored (default: fp32)"
    )
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="what the labels mean (default: the weights' own)")
    parser.add_argument(
        "--images", nargs="+", type=Path, metavar="IMAGE", help="to check with (default: a synthetic room and street)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export, check, report.

    Returns:
        Exit status: 1 where the file does not agree with torch.

    Raises:
        OptionError: The file's name or the size cannot be.
        ValueError, RuntimeError, OSError: Named after what is wrong with the weights, an image or the file.
    """
    target: Path = options.out
    if target.suffix != SUFFIXES[options.format]:
        raise OptionError(f"--out {str(target)!r} is for format {options.format}; end it in {SUFFIXES[options.format]}")
    size = _parse_size(options.size)
    images = _images(options.images, size)

    from joint_perception.engine import load_engine  # noqa: PLC0415 (torch, a second: not for --help)
    from joint_perception.offline.export.agreement import compare, table, to_json  # noqa: PLC0415
    from joint_perception.offline.export.export import export  # noqa: PLC0415

    reference = load_engine(options.weights, options.domain, "cpu", size)
    metadata = export(
        reference,
        options.weights,
        target,
        options.format,
        size,
        inside=options.processing == "inside",
        half=options.precision == "fp16",
    )
    exported = load_engine(str(target), device="cpu")
    found = compare(reference, exported, images)
    size_in_bytes = sum(f.stat().st_size for f in (target, target.with_suffix(".bin")) if _is_of(f, target))
    agrees = all(agreement.sufficient for agreement in found)
    if options.json:
        shown = {key: value for key, value in metadata.items() if key != "contract"}
        report = {
            "file": str(target),
            "bytes": size_in_bytes,
            "runtime": exported.describe(),
            "metadata": shown,
            "contract": json.loads(metadata["contract"]),
            "agreement": to_json(found),
            "agrees": agrees,
        }
        print(json.dumps(report, indent=2))
    else:
        print(f"{target}: {size_in_bytes / 1e6:.1f} MB, {exported.describe()}")
        print(table(found))
        print("agrees with torch in fp32" if agrees else "DOES NOT AGREE with torch in fp32; do not use this file")
    return 0 if agrees else 1


def _is_of(file: Path, target: Path) -> bool:
    return file == target or (target.suffix == SUFFIXES["openvino"] and file.is_file())


def _parse_size(text: str | None) -> tuple[int, int] | None:
    """(height, width) of `WxH`."""
    if text is None:
        return None
    match = _SIZE.fullmatch(text)
    if match is None or min(map(int, match.groups())) < _LEAST:
        raise OptionError(f"--size is {text!r}; give WIDTHxHEIGHT in pixels, as 640x480, each at least {_LEAST}")
    return int(match[2]), int(match[1])


def _images(paths: list[Path] | None, size: tuple[int, int] | None) -> dict[str, npt.NDArray[np.uint8]]:
    import cv2  # noqa: PLC0415 (not for --help)

    from joint_perception.offline.files import read_image  # noqa: PLC0415

    if paths:
        images = {path.name: read_image(path) for path in paths}
    else:
        from joint_perception.learning.worlds import sample  # noqa: PLC0415 (what a robot runs does not load it)

        images = {"synthetic room": sample("rooms", 0, (320, 240)).image}
        images["synthetic street"] = sample("streets", 0, (416, 128)).image
    if size is None:
        return images
    # The graph is what is checked, so both see the image at its one size.
    return {name: cv2.resize(i, size[::-1], interpolation=cv2.INTER_AREA) for name, i in images.items()}  # type: ignore[misc]
