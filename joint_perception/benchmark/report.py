# SPDX-License-Identifier: Apache-2.0
"""Where results go: the terminal, JSON, a page, a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.benchmark import plot
from joint_perception.benchmark.errors import BenchmarkError
from joint_perception.benchmark.series import write_json
from joint_perception.benchmark.table import machine_line, tables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"


def show(results: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the tables, and write what the options ask for."""
    if options.json and not options.read:
        write_json(options.json, results)
    if options.markdown:
        fill_in(Path(options.markdown), results)
    elif options.markdown is not None:
        print(markdown(results))
    else:
        print("\n\n".join(table.text() for table in tables(results)))
        print(f"\n{machine_line(results)}")
    if options.plot:
        plot.draw(results, options.plot)


def read(path: Path) -> dict[str, Any]:
    """Results that `--json` wrote.

    Raises:
        BenchmarkError: The file is none of the benchmark's.
    """
    try:
        results: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"results {str(path)!r} cannot be read: {error}") from error
    if not isinstance(results, dict) or "machine" not in results:
        raise BenchmarkError(f"{str(path)!r} is not what `joint_perception benchmark --json` writes")
    return results


def markdown(results: Mapping[str, Any]) -> str:
    """Tables for a page."""
    return "\n\n".join([machine_line(results), *(table.markdown() for table in tables(results))])


def fill_in(page: Path, results: Mapping[str, Any]) -> None:
    """Put the tables into a page, in place of what stands between its two marks.

    Raises:
        BenchmarkError: The page does not have them.
    """
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchmarkError(f"page {str(page)!r} has no lines {BEGIN} and {END} to put the tables between")
    page.write_text(f"{before}{BEGIN}\n{markdown(results)}\n{END}{after}")
