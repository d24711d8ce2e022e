# SPDX-License-Identifier: Apache-2.0
"""Surface normals from the shape of the depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from joint_perception.geometry.edges import flying_pixels

if TYPE_CHECKING:
    import numpy.typing as npt

    from joint_perception.geometry.pinhole import Pinhole


def normals_from_depth(depth: npt.NDArray[np.float32], camera: Pinhole, edge: float = 0.1) -> npt.NDArray[np.float32]:
    """The normals of the surface that a depth image shows.

    Args:
        depth: (H, W) float32 metres along the optical axis; NaN where there is none.
        camera: Of an image of this size.
        edge: Step of the depth to a neighbour, as a share of it, across which there is no surface.

    Returns:
        (H, W, 3) float32 unit vectors in the optical frame that point to the camera's side of the surface; NaN
        at the image's border, at steps, and where one of the four neighbours has no depth.

    Raises:
        ValueError: The depth is not of the camera's size.
    """
    if depth.shape != (camera.height, camera.width):
        raise ValueError(f"depth is {depth.shape} but the camera's images are {(camera.height, camera.width)}")
    normals = np.full((*depth.shape, 3), np.nan, np.float32)
    if min(depth.shape) < 3:  # noqa: PLR2004 (central differences)
        return normals
    depth = np.where(flying_pixels(depth, edge), np.float32(np.nan), depth)
    rays_x, rays_y = camera.rays()
    points = np.stack((depth * rays_x[None, :], depth * rays_y[:, None], depth), axis=2)
    right = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    cross = np.cross(down, right)  # x right, y down, z forward: towards the camera
    with np.errstate(invalid="ignore", divide="ignore"):
        cross /= np.linalg.norm(cross, axis=2, keepdims=True)
    normals[1:-1, 1:-1] = np.where(np.isfinite(depth[1:-1, 1:-1, None]), cross, np.float32(np.nan))
    return normals
