# SPDX-License-Identifier: Apache-2.0
"""The page docs/parameters.md, from the table: `python -m joint_perception.ros.reference > docs/parameters.md`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from joint_perception.pipeline.parameter_table import PARAMETERS

if TYPE_CHECKING:
    from joint_perception.pipeline.parameter_spec import Spec

_HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by `python -m joint_perception.ros.reference`; change pipeline/parameter_table.py instead. -->
# Parameters

A *live* parameter can be set at any time and takes effect from the next frame on. The others are read when the node is
configured and can be set only while it is unconfigured. An integer is accepted for a double. A parameter that does not
exist is reported in the log, with the nearest one that does; a value that cannot be is refused, with the reason.

With `cameras: [front, left]` a parameter marked *per camera* can be given to one of them, as `front.domain`; a camera
that has none of its own takes the common one.

| parameter | type | default | values | live | per camera | what it does |
|---|---|---|---|---|---|---|
"""
_TYPES = {bool: "bool", int: "integer", float: "double", str: "string", list: "string[]"}


def page() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(_row(spec) for spec in PARAMETERS)


def _row(spec: Spec) -> str:
    values = ", ".join(f"`{choice or json.dumps(choice)}`" for choice in spec.choices)
    if spec.minimum is not None:
        values = f"{spec.minimum:g} to {spec.maximum:g}"
    cells = (
        f"`{spec.name}`",
        _TYPES[type(spec.default)] + (" or double" if spec.or_number else ""),
        f"`{json.dumps(spec.default)}`",
        values,
        "yes" if spec.live else "",
        "yes" if spec.per_camera else "",
        spec.description,
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
