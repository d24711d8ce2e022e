# SPDX-License-Identifier: Apache-2.0
"""`joint_perception weights`: which named weights there are; bringing, checking and exporting them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

# joint_perception.network is imported inside the functions: it brings torch, seconds that --help can do without.

ALL = "all"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb and its three actions."""
    parser = subparsers.add_parser(
        "weights", help="list, fetch, verify and export weights", description="Weights with a name, and files of them."
    )
    actions = parser.add_subparsers(title="actions", metavar="<action>", required=True)

    listing = actions.add_parser("list", help="what there is, and what of it is on this machine")
    listing.set_defaults(run=run_list)

    fetch = actions.add_parser(
        "fetch",
        help="download into the cache, resuming where an earlier download broke off",
        description="Download weights into the cache ($XDG_CACHE_HOME or ~/.cache) and verify them. The paths go "
        "to stdout, all else to stderr.",
    )
    fetch.add_argument("names", nargs="+", metavar="NAME", help=f"name out of `weights list`, or {ALL}")
    fetch.add_argument("--url", help="another place to fetch the file from, https only; for one NAME")
    fetch.set_defaults(run=run_fetch)

    verify = actions.add_parser("verify", help="compare the files in the cache with the published digests")
    verify.add_argument("names", nargs="*", metavar="NAME", help="name out of `weights list` (default: all present)")
    verify.set_defaults(run=run_verify)

    export = actions.add_parser(
        "export",
        help="write a checkpoint as safetensors, in half the size",
        description="Writes a checkpoint as safetensors in half precision, in which it is half as large, with the "
        "record of its training where it has one, and prints the digests by which the file is known.",
    )
    export.add_argument("source", metavar="CHECKPOINT", help="named weights or checkpoint file")
    export.add_argument("target", type=Path, metavar="FILE", help="the .safetensors file to write")
    export.set_defaults(run=run_export)


def run_list(_options: argparse.Namespace) -> int:
    """Print a table of the named weights, and their licences."""
    from joint_perception.network.weights import NAMED_WEIGHTS  # noqa: PLC0415

    rows = [("NAME", "DOMAIN", "SIZE", "WHERE", "WHAT")]
    licensed: dict[str, list[str]] = {}
    for weights in NAMED_WEIGHTS.values():
        path = weights.path
        here = path.is_file()
        size = path.stat().st_size if here else weights.size
        rows.append(
            (
                weights.name,
                weights.domain,
                "?" if size is None else f"{size / 1e6:.1f} MB",
                str(path) if here else "not here",
                weights.description,
            )
        )
        licensed.setdefault(weights.licence, []).append(weights.name)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
    for licence, names in licensed.items():
        print(f"Licence of {', '.join(names)}: {licence}")
    print("Get those that are not here with `joint_perception weights fetch NAME`.")
    return 0


def run_fetch(options: argparse.Namespace) -> int:
    """Download the weights named, one after the other.

    Raises:
        WeightsError: A name is unknown, a URL is given for more than one, or a download fails.
    """
    from joint_perception.network.download import fetch_weights  # noqa: PLC0415
    from joint_perception.network.weights import NAMED_WEIGHTS, WeightsError, named_weights  # noqa: PLC0415

    named = [named_weights(name) for name in dict.fromkeys(options.names) if name != ALL]
    wanted = list(NAMED_WEIGHTS.values()) if ALL in options.names else named
    if options.url is not None and len(wanted) > 1:
        names = ", ".join(weights.name for weights in wanted)
        raise WeightsError(f"--url is one file's address but {len(wanted)} are wanted ({names}); name one")
    for weights in wanted:
        print(f"{weights.name}: for {weights.licence}", file=sys.stderr)
        print(fetch_weights(weights, options.url))
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Compare files in the cache with what was published.

    Returns:
        0; or 1 when a file is damaged, or one that was named is absent.

    Raises:
        WeightsError: A name is unknown.
    """
    from joint_perception.network.weights import (  # noqa: PLC0415
        NAMED_WEIGHTS,
        WeightsError,
        named_weights,
        verify_file,
    )

    status = 0
    for weights in [named_weights(name) for name in dict.fromkeys(options.names)] or NAMED_WEIGHTS.values():
        path = weights.path
        if not path.exists():
            print(f"{weights.name}: absent")
            status |= bool(options.names)
            continue
        try:
            verify_file(path, weights)
        except WeightsError as error:
            print(f"{weights.name}: DAMAGED ({error})")
            status = 1
        else:
            print(f"{weights.name}: OK {path}")
    return status


def run_export(options: argparse.Namespace) -> int:
    """Write a checkpoint in half precision.

    Raises:
        WeightsError, CheckpointError: There is no such checkpoint, it is no network's, or its numbers are too great.
    """
    from joint_perception.network import resolve_weights  # noqa: PLC0415
    from joint_perception.network.checkpoint import export_half  # noqa: PLC0415
    from joint_perception.network.weights import WeightsError, digests  # noqa: PLC0415

    target: Path = options.target
    if target.suffix != ".safetensors":
        raise WeightsError(f"{str(target)!r} does not end in .safetensors; name a file that does")
    try:
        export_half(resolve_weights(options.source).path, target)
        size, blob, sha256 = digests(target)
    except OSError as error:
        raise WeightsError(f"{str(target)!r} cannot be written: {error}") from error
    print(f"{target}\nsize {size}\ngit_blob_sha1 {blob}\nsha256 {sha256}")
    return 0
