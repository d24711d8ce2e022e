# SPDX-License-Identifier: Apache-2.0
"""The official parts that a robot has and a PyPI-only machine lacks, and what stands in for them.

cv_bridge decodes images, message_filters pairs them with their camera_info. Where they are absent, OpenCV
and `ExactTimePairing` do the same; one contract test runs both through the same cases.
"""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rclpy.logging import get_logger
from sensor_msgs.msg import CameraInfo, Image

from joint_perception.pipeline import images
from joint_perception.pipeline.errors import FrameError
from joint_perception.ros.messages import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Decoder = Callable[[Image], npt.NDArray[np.uint8]]
    PairCallback = Callable[[Image, CameraInfo], None]


class Pairing(Protocol):
    """Joins each image with the camera_info of the same stamp; a stamp before 1970 has no partner."""

    def add_image(self, message: Image) -> None:
        """Take an image; calls back if its camera_info is there."""

    def add_camera_info(self, message: CameraInfo) -> None:
        """Take a camera_info; calls back if its image is there."""


def present(package: str) -> bool:
    """Whether an official part can be imported here."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


# --- decoding --------------------------------------------------------------------------------------


def make_decoder() -> Decoder:
    """The function that decodes an image message to (H, W, 3) uint8 RGB, raising FrameError."""
    if present("cv_bridge"):
        try:
            decoder = _CvBridgeDecoder()
            decoder(Image(height=1, width=1, encoding="bgr8", step=3, data=bytes(3)))
        except Exception as error:  # noqa: BLE001 (built for another NumPy or OpenCV, it breaks in many ways)
            get_logger("joint_perception").warning(f"cv_bridge does not work here, OpenCV decodes instead: {error}")
        else:
            return decoder
    return images.to_rgb


class _CvBridgeDecoder:
    """Decodes through cv_bridge what `images.pixels` found sound.

    cv_bridge is handed tight rows in this machine's byte order: it shears rows whose padding is no multiple
    of a pixel, and its byte swap stops on NumPy 2. It also refuses to call 8UC1 and 8UC3 a colour.
    """

    def __init__(self) -> None:
        from cv_bridge import CvBridge, CvBridgeError  # noqa: PLC0415

        self._bridge, self._error = CvBridge(), CvBridgeError

    def __call__(self, message: Image) -> npt.NDArray[np.uint8]:
        array = images.pixels(message)
        tight = Image(
            height=message.height,
            width=message.width,
            encoding=images.ENCODINGS[message.encoding].name,
            is_bigendian=0,
            step=array.strides[0] if array.flags.c_contiguous else array[0].nbytes,
            data=to_bytes(array),
        )
        try:
            return np.asarray(self._bridge.imgmsg_to_cv2(tight, "rgb8"), dtype=np.uint8)
        except (self._error, TypeError, ValueError) as error:
            raise FrameError("undecodable", f"cv_bridge cannot decode {message.encoding!r}: {error}") from error


# --- pairing ---------------------------------------------------------------------------------------


def make_pairing(callback: PairCallback, queue_size: int) -> Pairing:
    """Pair images with camera_info by exact stamp.

    Args:
        callback: Gets each pair. It must not raise: message_filters would keep its lock for good.
        queue_size: Messages of each kind that wait for their partner; above it the oldest goes.
    """
    if present("message_filters"):
        return _MessageFiltersPairing(callback, queue_size)
    return ExactTimePairing(callback, queue_size)


class _MessageFiltersPairing:
    """message_filters.TimeSynchronizer, fed by hand so that subscriptions stay the camera's own."""

    def __init__(self, callback: PairCallback, queue_size: int) -> None:
        from message_filters import SimpleFilter, TimeSynchronizer  # noqa: PLC0415

        self._images, self._infos = SimpleFilter(), SimpleFilter()
        self._synchronizer = TimeSynchronizer([self._images, self._infos], queue_size)
        self._synchronizer.registerCallback(callback)

    def add_image(self, message: Image) -> None:
        self._add(self._images, message)

    def add_camera_info(self, message: CameraInfo) -> None:
        self._add(self._infos, message)

    @staticmethod
    def _add(queue: Any, message: Any) -> None:
        # A stamp before 1970 would raise in there, and leave its lock held.
        if message.header.stamp.sec >= 0:
            queue.signalMessage(message)


class ExactTimePairing:
    """Pairs messages of equal stamps, as message_filters.TimeSynchronizer does.

    Args:
        callback: Gets each pair.
        queue_size: Messages of each kind that wait for their partner; above it the earliest stamp goes.
    """

    def __init__(self, callback: PairCallback, queue_size: int) -> None:
        self._callback, self._queue_size = callback, queue_size
        self._images: OrderedDict[int, Image] = OrderedDict()
        self._infos: OrderedDict[int, CameraInfo] = OrderedDict()

    def add_image(self, message: Image) -> None:
        """Take an image; calls back if its camera_info is there."""
        self._add(self._images, message)

    def add_camera_info(self, message: CameraInfo) -> None:
        """Take a camera_info; calls back if its image is there."""
        self._add(self._infos, message)

    def _add(self, queue: OrderedDict[int, Any], message: Any) -> None:
        stamp = nanoseconds(message.header.stamp)
        if stamp < 0:
            return
        queue[stamp] = message
        while len(queue) > self._queue_size:
            del queue[min(queue)]
        if stamp in self._images and stamp in self._infos:
            self._callback(self._images.pop(stamp), self._infos.pop(stamp))


def nanoseconds(stamp: Any) -> int:
    """A builtin_interfaces/Time as nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
