# SPDX-License-Identifier: Apache-2.0
"""`joint_perception weights`: which published weights there are, and bringing and checking them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

# joint_perception.network is imported inside the functions: it brings torch, seconds that --help can do without.

ALL = "all"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb and its three actions."""
    parser = subparsers.add_parser(
        "weights", help="list, fetch and verify the published weights", description="The published weights."
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


def run_list(_options: argparse.Namespace) -> int:
    """Print a table of the named weights, and their licences."""
    from joint_perception.network.weights import NAMED_WEIGHTS, cache_directory  # noqa: PLC0415

    rows = [("NAME", "DOMAIN", "SIZE", "WHERE", "WHAT")]
    licensed: dict[str, list[str]] = {}
    for weights in NAMED_WEIGHTS.values():
        path = cache_directory() / weights.filename
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
    print("Get them with `joint_perception weights fetch NAME`.")
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
        cache_directory,
        named_weights,
        verify_file,
    )

    status = 0
    for weights in [named_weights(name) for name in dict.fromkeys(options.names)] or NAMED_WEIGHTS.values():
        path = cache_directory() / weights.filename
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
