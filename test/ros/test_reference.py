# SPDX-License-Identifier: Apache-2.0
"""The parameters' page says what the table says."""

from __future__ import annotations

from pathlib import Path

from joint_perception.ros.reference import page

DOCS = Path(__file__).parents[2] / "docs"


def test_page_is_up_to_date():
    assert (DOCS / "parameters.md").read_text() == page(), (
        "write it again: python -m joint_perception.ros.reference > docs/parameters.md"
    )
