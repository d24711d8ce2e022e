# SPDX-License-Identifier: Apache-2.0
"""`joint_perception calibrate-depth`: the parameter `depth.scale` of a camera, from a bag or from topics."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.domains import DOMAINS

if TYPE_CHECKING:
    from joint_perception.geometry import ScaleFit

_UNSURE = 0.15  # spread over scale, above which a person should look at what was compared


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "calibrate-depth",
        help="fit depth.scale to a reference depth image or to the ground",
        description="Compares the network's depth with a reference depth image that is registered to the camera's, or "
        "with flat ground below a camera of known height, and prints the line for the node's YAML. Reads a bag without "
        "ROS, or live topics.",
    )
    parser.add_argument("--bag", type=Path, metavar="PATH", help="read this bag (default: live topics)")
    parser.add_argument("--image", required=True, metavar="TOPIC", help="images; .../compressed for compressed ones")
    parser.add_argument("--camera-info", default="", metavar="TOPIC", help="default: camera_info beside the images")
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument("--reference", default="", metavar="TOPIC", help="true depth: 32FC1 metres or 16UC1 millimetres")
    known.add_argument("--camera-height", type=_positive, metavar="METRES", help="of the camera above flat ground")
    parser.add_argument(
        "--floor-classes",
        default="floor,floor-mat,road,sidewalk",
        metavar="NAMES",
        help="classes that are the ground (default: %(default)s)",
    )
    parser.add_argument("--weights", required=True, help="as the node has them: named weights or checkpoint file")
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="as the node has it (default: the weights' own)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--network-size", type=_size, metavar="WxH", help="as network.width and .height of the node")
    parser.add_argument("--rectify", action="store_true", help="as the node's parameter rectify")
    parser.add_argument(
        "--focal-correction",
        default="auto",
        type=_focal,
        metavar="auto|off|FACTOR",
        help="as the node's depth.focal_correction (default: auto)",
    )
    parser.add_argument(
        "--camera", default="", metavar="NAME", help="one of several cameras, for the line that is printed"
    )
    parser.add_argument("--frames", type=_count, default=20, metavar="N", help="images to compare (default: 20)")
    parser.add_argument("--every", type=_count, default=1, metavar="N", help="take every n-th image (default: 1)")
    parser.add_argument(
        "--slop", type=_positive, default=0.02, metavar="S", help="seconds between image and reference (default: 0.02)"
    )
    parser.add_argument(
        "--timeout", type=_positive, default=30.0, metavar="S", help="seconds to wait for topics (default: 30)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit and print.

    Raises:
        ScaleFitError: No image gave a scale.
        ValueError, RuntimeError: Named after what is wrong with the weights, the bag or the topics.
    """
    from tqdm import tqdm  # noqa: PLC0415

    from joint_perception.engine import load_engine  # noqa: PLC0415 (torch, a second: not for --help)
    from joint_perception.geometry import ScaleFitError  # noqa: PLC0415
    from joint_perception.pipeline.depth_calibration import DepthCalibration, Known  # noqa: PLC0415
    from joint_perception.pipeline.errors import FrameError  # noqa: PLC0415
    from joint_perception.ros.calibration_messages import Topics, from_bag, from_topics  # noqa: PLC0415

    known = Known(
        camera_height=options.camera_height,
        floor_classes=tuple(name.strip() for name in options.floor_classes.split(",") if name.strip()),
        focal_correction=options.focal_correction,
        rectify=options.rectify,
    )
    engine = load_engine(options.weights, options.domain, options.device, options.network_size)
    calibration = DepthCalibration(engine, known)
    topics = Topics(options.image, options.camera_info, options.reference, options.slop)
    found = from_bag(options.bag, topics) if options.bag else from_topics(topics, options.timeout)
    skipped: list[str] = []
    with contextlib.closing(found), tqdm(total=options.frames, unit="image") as bar:
        for image, info, reference in itertools.islice(found, None, None, options.every):
            try:
                fit = calibration.add(image, info, reference)
            except (FrameError, ScaleFitError) as error:
                skipped.append(str(error))
                bar.set_postfix_str(f"{len(skipped)} skipped")
                if len(skipped) > 10 * options.frames:  # of a stream that never gives one
                    break
                continue
            bar.set_postfix_str(f"scale {fit.scale:.4g}, {len(skipped)} skipped")
            bar.update()
            if len(calibration.fits) >= options.frames:
                break
    if skipped:
        print(f"{len(skipped)} images skipped, the last because: {skipped[-1]}", file=sys.stderr)
    _print(calibration.result(), len(calibration.fits), options)
    return 0


def _print(fit: ScaleFit, count: int, options: argparse.Namespace) -> None:
    against = options.reference or f"ground {options.camera_height:g} m below"
    if fit.spread > _UNSURE * fit.scale:
        print(
            f"the scale is unsure: {fit.scale:.3g} +- {fit.spread:.2g}. Show the camera other views, or look whether "
            "the reference is registered to the image and the labels of the ground are right",
            file=sys.stderr,
        )
    print(f"# {options.image} against {against}: {count} images, {fit.pixels} pixels, spread {fit.spread:.2g}")
    prefix = f"{options.camera}." if options.camera else ""
    print(f"{prefix}depth.scale: {fit.scale:#.4g}")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above zero")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _focal(text: str) -> str | float:
    return text if text in ("auto", "off") else _positive(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 640x480")
    return int(height), int(width)
