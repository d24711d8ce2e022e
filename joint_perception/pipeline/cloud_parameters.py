# SPDX-License-Identifier: Apache-2.0
"""The node's parameters of clouds: the part of the table that ~/points and ~/obstacles go by."""

from __future__ import annotations

from joint_perception.pipeline.layout import ALL_FIELDS
from joint_perception.pipeline.parameter_spec import FAR, Spec

CLOUD_PARAMETERS: tuple[Spec, ...] = (
    Spec(
        "points.excluded_classes",
        default=["sky"],
        description="Names of classes, or of groups, that get no points in ~/points. One that another domain has is "
        "ignored here.",
        live=True,
        per_camera=True,
    ),
    Spec(
        "points.color",
        default="image",
        description="Colour of the points. image: the picture's; class: the label's; both: the picture's, and the "
        "label's in a further field, semantic_color.",
        live=True,
        choices=("image", "class", "both"),
        per_camera=True,
    ),
    Spec(
        "points.stride",
        default=1,
        description="Every n-th row and column becomes points; ~/points stays organised.",
        live=True,
        minimum=1,
        maximum=64,
        per_camera=True,
    ),
    *(
        Spec(
            f"points.crop.{edge}",
            default=0.0,
            description=f"Share of the image's {of} that is cut off ~/points at the {edge}; it stays organised.",
            live=True,
            minimum=0.0,
            maximum=0.99,
            per_camera=True,
        )
        for edge, of in (("left", "width"), ("top", "height"), ("right", "width"), ("bottom", "height"))
    ),
    Spec(
        "points.fields",
        default=["rgb", "label", "confidence"],
        description="Fields of ~/points besides x, y and z, which are always there: rgb, label, confidence, in this "
        "order.",
        live=True,
        choices=ALL_FIELDS,
        per_camera=True,
    ),
    Spec(
        "points.min_range",
        default=0.0,
        description="Distance in metres from the camera below which a pixel gets no point.",
        live=True,
        minimum=0.0,
        maximum=FAR,
        per_camera=True,
    ),
    Spec(
        "points.max_range",
        default=0.0,
        description="Distance in metres from the camera above which a pixel gets no point; 0: no limit.",
        live=True,
        minimum=0.0,
        maximum=FAR,
        per_camera=True,
    ),
    Spec(
        "points.edge_filter",
        default=0.0,
        description="Step of the depth to a neighbouring pixel, as a share of it, above which both are flying pixels "
        "without points, such as 0.1; 0: off.",
        live=True,
        minimum=0.0,
        maximum=10.0,
        per_camera=True,
    ),
    Spec(
        "obstacles.floor_classes",
        default=["floor", "floor-mat", "road", "sidewalk"],
        description="Names of classes, or of groups, that are ground: never in ~/obstacles, and what the ground is "
        "estimated from.",
        live=True,
        per_camera=True,
    ),
    Spec(
        "obstacles.excluded_classes",
        default=["sky", "ceiling"],
        description="Names of further classes, or groups, that are never in ~/obstacles.",
        live=True,
        per_camera=True,
    ),
    Spec(
        "obstacles.ground",
        default="estimated",
        description="Where heights in ~/obstacles count from. estimated: a plane through the points of the floor "
        "classes; given: obstacles.camera_height and .camera_pitch; none: no test of the height.",
        live=True,
        choices=("estimated", "given", "none"),
        per_camera=True,
    ),
    Spec(
        "obstacles.camera_height",
        default=1.0,
        description="Height in metres of the camera above the given ground.",
        live=True,
        minimum=0.0,
        maximum=1000.0,
        per_camera=True,
    ),
    Spec(
        "obstacles.camera_pitch",
        default=0.0,
        description="Angle in radians by which the camera looks down on the given ground.",
        live=True,
        minimum=-1.6,
        maximum=1.6,
        per_camera=True,
    ),
    Spec(
        "obstacles.min_height",
        default=0.1,
        description="Height in metres over the ground from which on a point is an obstacle.",
        live=True,
        minimum=-100.0,
        maximum=100.0,
        per_camera=True,
    ),
    Spec(
        "obstacles.max_height",
        default=2.0,
        description="Height in metres over the ground up to which a point is an obstacle.",
        live=True,
        minimum=-100.0,
        maximum=1000.0,
        per_camera=True,
    ),
    Spec(
        "obstacles.max_range",
        default=0.0,
        description="Distance in metres from the camera above which there are no obstacles; 0: no limit.",
        live=True,
        minimum=0.0,
        maximum=FAR,
        per_camera=True,
    ),
    Spec(
        "obstacles.voxel_size",
        default=0.05,
        description="Edge in metres of the cubes of which each keeps one point; 0: all points.",
        live=True,
        minimum=0.0,
        maximum=100.0,
        per_camera=True,
    ),
)
