# SPDX-License-Identifier: Apache-2.0
"""What `ros2 param describe` tells of a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

if TYPE_CHECKING:
    from joint_perception.pipeline.parameter_spec import Spec


def descriptor_of(spec: Spec) -> ParameterDescriptor:
    """The descriptor that a parameter is declared with."""
    when = "Takes effect from the next frame on." if spec.live else "Read when the node is configured."
    descriptor = ParameterDescriptor(
        name=spec.name,
        description=f"{spec.description} {when}",
        additional_constraints=_constraints(spec),
        # A double that YAML writes as an integer must be declared so, and so must an empty list, which ROS takes
        # for one of bytes; Spec.check sees to the type.
        dynamic_typing=isinstance(spec.default, float) or spec.or_number or spec.default == [],
    )
    if spec.minimum is not None and spec.maximum is not None and not isinstance(spec.default, bool):
        if isinstance(spec.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(spec.minimum), to_value=int(spec.maximum), step=1)]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=spec.minimum, to_value=spec.maximum, step=0.0)
            ]
    return descriptor


def _constraints(spec: Spec) -> str:
    number = ", or a number above zero" if spec.or_number else ""
    words = "Out of" if isinstance(spec.default, list) else "One of"
    return f"{words}: {', '.join(map(repr, spec.choices))}{number}" if spec.choices else ""
