# SPDX-License-Identifier: Apache-2.0
"""The camera's process: publishes pictures with their camera_info, when it is told to.

Commands: `{"matched": TARGET}` answers whether each topic of the target has a subscriber; `{"publish": TARGET,
"picture": NAME, "index": I}` publishes one frame of each of its cameras, all of one stamp, and answers with it;
`{"stream": TARGET, "picture": NAME, "period": SECONDS, "count": N}` publishes many and answers with their stamps.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from joint_perception.benchmark.wire import below, commands, say
from joint_perception.ros.messages import image_message

_QUEUE = 10  # reliable, as most drivers are
_NANO = 10**9


class CameraProcess:
    """Publishers for all targets, and all pictures as ready messages.

    Args:
        targets: Names of each target's cameras, by target.
        files: Of (N, H, W, 3) uint8 pictures with `k`, (9,) intrinsics, by name.
    """

    def __init__(self, targets: dict[str, list[str]], files: dict[str, str]) -> None:
        self._node = rclpy.create_node("benchmark_camera")
        self._publishers = {
            target: [
                (
                    self._node.create_publisher(Image, below(target, camera, "image"), _QUEUE),
                    self._node.create_publisher(CameraInfo, below(target, camera, "camera_info"), _QUEUE),
                )
                for camera in cameras
            ]
            for target, cameras in targets.items()
        }
        self._messages = {name: _messages(Path(file)) for name, file in files.items()}

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked."""
        if "matched" in command:
            publishers = [p for pair in self._publishers[command["matched"]] for p in pair]
            return {"matched": all(p.get_subscription_count() for p in publishers)}
        if "publish" in command:
            return {"stamp": self._publish(command["publish"], command["picture"], command["index"])}
        stamps, start = [], time.monotonic()
        for i in range(command["count"]):
            time.sleep(max(0.0, start + i * command["period"] - time.monotonic()))
            stamps.append(self._publish(command["stream"], command["picture"], i))
        return {"stamps": stamps}

    def _publish(self, target: str, picture: str, index: int) -> int:
        messages = self._messages[picture]
        image, info = messages[index % len(messages)]
        stamp = time.time_ns()
        image.header.stamp = info.header.stamp = Time(sec=stamp // _NANO, nanosec=stamp % _NANO)
        for images, infos in self._publishers[target]:
            infos.publish(info)  # first, so that nobody waits for it
            images.publish(image)
        return stamp


def _messages(file: Path) -> list[tuple[Image, CameraInfo]]:
    with np.load(file, allow_pickle=False) as saved:
        images, k = saved["images"], saved["k"].tolist()
    header = Header(frame_id="benchmark_camera")
    height, width = images.shape[1:3]
    p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
    info = CameraInfo(header=header, width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5, k=k, p=p)
    return [(image_message(header, image), info) for image in images]


def main() -> int:
    """Answer commands until the pipe closes. The command line is one JSON object: targets, pictures."""
    given = json.loads(sys.argv[1])
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        camera = CameraProcess(given["targets"], given["pictures"])
        say({"ready": True})
        for command in commands():
            say(camera.answer(command))
    except KeyboardInterrupt:
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
