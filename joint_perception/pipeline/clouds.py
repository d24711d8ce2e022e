# SPDX-License-Identifier: Apache-2.0
"""The two clouds of a frame: all its points, and the obstacles among them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.engine import Selection, Tables
from joint_perception.geometry import (
    Cloud,
    CloudOptions,
    ObstacleOptions,
    Plane,
    PointSet,
    fit_ground,
    make_cloud,
    make_obstacles,
)
from joint_perception.geometry.cloud import Crop, label_table

_FIELD_BYTES = 4
_NO_COLORS = np.zeros((256, 3), np.uint8)

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from joint_perception.engine import Frame, Prediction
    from joint_perception.geometry import Pinhole
    from joint_perception.pipeline.labels import LabelMeaning
    from joint_perception.pipeline.settings import Settings


class CloudMaker:
    """Makes clouds as a camera's parameters say; they are read at each frame.

    Args:
        settings: Of the camera.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ground: Plane | None = None

    def size(self, height: int, width: int) -> int:
        """Bytes of the cloud that `points` makes of an image of that size."""
        settings = self._settings
        stride: int = settings["points.stride"]
        rows, columns = self._crop().window(height, width)
        points: int = math.prod(-(-(part.stop - part.start) // stride) for part in (rows, columns))
        fields = len({*settings["points.fields"], "x", "y", "z"}) + int(settings["points.color"] == "both")
        return points * _FIELD_BYTES * fields

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of `points` that are wanted."""
        return tuple(self._settings["points.fields"])

    def _crop(self) -> Crop:
        return Crop(*(self._settings[f"points.crop.{edge}"] for edge in Crop._fields))

    def points(self, frame: Frame, prediction: Prediction, meaning: LabelMeaning) -> Cloud:
        """The organised cloud, with published labels.

        Args:
            frame: With its camera.
            prediction: Of it.
            meaning: Of its labels.
        """
        settings = self._settings
        palette = meaning.palette if settings["points.color"] == "class" else None
        options = CloudOptions(
            stride=settings["points.stride"],
            crop=self._crop(),
            min_range=settings["points.min_range"],
            max_range=settings["points.max_range"] or math.inf,
            edge_filter=settings["points.edge_filter"],
        )
        excluded = meaning.class_ids(settings["points.excluded_classes"])
        cloud = _cloud(frame, prediction, excluded, options, palette)
        meaning.relabel(cloud)
        return cloud

    def semantic_colors(self, points: PointSet, meaning: LabelMeaning) -> npt.NDArray[np.uint8] | None:
        """The colours of the points' published labels, (..., 3) uint8 RGB, where they are a field of their own."""
        if self._settings["points.color"] != "both":
            return None
        return meaning.published.colorize(points.labels.astype(np.uint8))

    def obstacles(self, frame: Frame, prediction: Prediction, meaning: LabelMeaning) -> PointSet:
        """What stands on the ground, with published labels. Arguments as of `points`.

        Where no ground can be estimated, the one last estimated holds; before there was one, heights are not tested.
        """
        settings = self._settings
        floor = meaning.class_ids(settings["obstacles.floor_classes"])
        excluded = meaning.class_ids(settings["obstacles.excluded_classes"])
        options = CloudOptions(edge_filter=settings["points.edge_filter"])
        cloud = _cloud(frame, prediction, excluded, options)
        found = make_obstacles(
            cloud,
            floor,
            excluded,
            self._ground_of(cloud, floor),
            ObstacleOptions(
                min_height=settings["obstacles.min_height"],
                max_height=settings["obstacles.max_height"],
                max_range=settings["obstacles.max_range"] or math.inf,
                voxel_size=settings["obstacles.voxel_size"],
            ),
        )
        meaning.relabel(found)
        return found

    def _ground_of(self, cloud: Cloud, floor: Collection[int]) -> Plane | None:
        settings = self._settings
        source = settings["obstacles.ground"]
        if source == "none":
            return None
        if source == "given":
            return Plane.from_mounting(settings["obstacles.camera_height"], settings["obstacles.camera_pitch"])
        on_floor = label_table(floor)[cloud.labels] & cloud.valid
        self._ground = fit_ground(cloud.xyz[on_floor]) or self._ground
        return self._ground


def _cloud(
    frame: Frame,
    prediction: Prediction,
    excluded: Collection[int],
    options: CloudOptions,
    palette: npt.NDArray[np.uint8] | None = None,
) -> Cloud:
    """A cloud with the network's labels, made where the prediction is; coloured by label where there is a palette."""
    camera: Pinhole | None = frame.camera
    if camera is None:  # FrameMaker never hands out a frame without one
        raise ValueError("a cloud needs the camera of its image")
    if prediction.resident is not None:
        tables = Tables(*camera.rays(), label_table(excluded), _NO_COLORS if palette is None else palette)
        data = prediction.resident.cloud(_selection(options, camera, by_class=palette is not None), tables)
        if data is not None:
            return Cloud(data)
    colors = frame.image if palette is None else np.take(palette, prediction.labels, axis=0)
    return make_cloud(colors, prediction.labels, prediction.depth, prediction.confidence, camera, excluded, options)


def _selection(options: CloudOptions, camera: Pinhole, *, by_class: bool) -> Selection:
    rows, columns = options.crop.window(camera.height, camera.width)
    limited = options.min_range > 0 or options.max_range < math.inf
    return Selection(
        (rows.start, rows.stop),
        (columns.start, columns.stop),
        options.stride,
        options.edge_filter,
        (options.min_range, options.max_range) if limited else None,
        by_class,
    )
