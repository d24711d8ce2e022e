# SPDX-License-Identifier: Apache-2.0
"""What a parameter is: its type and its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from joint_perception.pipeline.errors import ParameterError

FAR = 1e4
"""Metres; farther than any camera measures."""


@dataclass(frozen=True)
class Spec:
    """One parameter.

    Attributes:
        name: Its name.
        default: Its default; its type is the parameter's type.
        description: What it does, with units.
        per_camera: True: a camera `front` out of `cameras` can have its own, `front.<name>`.
        or_number: True: a string that may also be a number above zero.
        live: True: takes effect from the next frame on. False: read when the node is configured, and can be
            set only while it is unconfigured.
        choices: The values it, or each item of it, can have; empty: any.
        minimum: Least value of a number.
        maximum: Greatest value of a number.
    """

    name: str
    default: Any
    description: str
    live: bool = False
    per_camera: bool = False
    or_number: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def check(self, value: Any) -> Any:
        """The value in the parameter's type.

        Raises:
            ParameterError: It has another type, or is not among the choices or in the range.
        """
        if isinstance(self.default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)  # YAML's 1 for 1.0, rclcpp#979
        if isinstance(self.default, list):
            if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                raise ParameterError(f"parameter {self.name!r} is {value!r}; it takes a list of strings")
            if strange := [item for item in value if self.choices and item not in self.choices]:
                known = ", ".join(map(repr, self.choices))
                raise ParameterError(f"parameter {self.name!r} has {strange[0]!r}; choose out of {known}")
            return list(value)
        if self.or_number and isinstance(value, int | float) and not isinstance(value, bool):
            if not (math.isfinite(value) and value > 0):
                raise ParameterError(f"parameter {self.name!r} is {value!r}; a number here must be above zero")
            return float(value)
        if type(value) is not type(self.default):
            raise ParameterError(
                f"parameter {self.name!r} is {value!r}, of type {type(value).__name__}; it takes type "
                f"{type(self.default).__name__}, such as {self.default!r}"
            )
        if self.choices and value not in self.choices:
            choices = ", ".join(map(repr, self.choices))
            raise ParameterError(f"parameter {self.name!r} is {value!r}; choose one of {choices}")
        low, high = self.minimum, self.maximum
        # Written so that NaN fails.
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise ParameterError(f"parameter {self.name!r} is {value!r}; it must lie in {low} to {high}")
        return value
