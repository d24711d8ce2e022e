# SPDX-License-Identifier: Apache-2.0
"""`joint_perception distill`: a teacher's predictions, written down for the images that lack a modality."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.domains import DOMAINS

if TYPE_CHECKING:
    import argparse

    from joint_perception.learning.distill import Teacher

# Those of learning, which need torch to be imported; a test holds them equal.
_DATASETS = ("camvid", "nyud", "kitti", "folder", "rooms", "streets")
_MODALITIES = ("segm", "depth", "normal")


class DomainNeededError(ValueError):
    """Images of which nobody said what they show."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "distill",
        help="write a teacher's labels, depth or normals for images that lack them",
        description="Writes one PNG for each image of a data set that lacks the modality: class ids, 16-bit depth or "
        "normals, as the teacher predicts them. `pseudo: {MODALITY: DIR}` in a training's YAML learns from them. What "
        "is in --out already is skipped, so that the command may be stopped and run again.",
    )
    parser.add_argument("--dataset", required=True, choices=_DATASETS, help="the images")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder that holds the data set")
    parser.add_argument("--split", default="train", help="part of the data set (default: train)")
    parser.add_argument(
        "--weights",
        required=True,
        metavar="TEACHER",
        help="named weights, a checkpoint file, or torchvision:MODEL[=FILE] for segm",
    )
    parser.add_argument("--modality", required=True, choices=_MODALITIES, help="what to write")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the predictions")
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="what the images show (default: the data set's)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--all", action="store_true", help="also for images that have the modality")
    parser.add_argument(
        "--min-confidence", type=float, default=0.0, metavar="P", help="segm: less probable labels become void"
    )
    parser.add_argument("--batch", type=int, default=4, metavar="N", help="images at a time (default: 4)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N images only")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Let the teacher predict.

    Raises:
        DomainNeededError: The data set does not say what its images show, and nobody else did.
        ValueError, RuntimeError: Named after what is wrong with the teacher, the data set, the device or the folder.
    """
    from joint_perception.engine import load_engine  # noqa: PLC0415 (torch, a second: not for --help)
    from joint_perception.learning.datasets import open_dataset  # noqa: PLC0415
    from joint_perception.learning.distill import distill, sha256_of  # noqa: PLC0415
    from joint_perception.learning.torchvision_teacher import PREFIX, TorchvisionTeacher  # noqa: PLC0415
    from joint_perception.network import resolve_weights  # noqa: PLC0415

    dataset = open_dataset(options.dataset, options.root, options.split)
    domain = options.domain or (dataset.domain.name if dataset.domain else None)
    if domain is None:
        raise DomainNeededError(f"data set {options.dataset!r} does not say what its images show; give --domain")
    teacher: Teacher
    if options.weights.startswith(PREFIX):
        teacher = TorchvisionTeacher(options.weights, DOMAINS[domain], options.device)
        name, file = options.weights.partition("=")[0], teacher.file
    else:
        teacher = load_engine(options.weights, domain, options.device)
        name, file = Path(options.weights).name, resolve_weights(options.weights).path
    counts = distill(
        teacher,
        dataset,
        options.root,
        options.modality,
        options.out,
        teacher=name,
        teacher_sha256=sha256_of(file),
        everything=options.all,
        min_confidence=options.min_confidence,
        limit=options.limit,
        batch=options.batch,
    )
    print(
        f"{counts.written} written to {options.out}, {counts.there} were there already, {counts.annotated} images "
        f"have {options.modality} of their own"
    )
    return 0
