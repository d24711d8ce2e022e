# SPDX-License-Identifier: Apache-2.0
"""The faults that the soak sprinkles into a running stream; each is what one camera, user or device does one day."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import faulty_node
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from ros_graph import Graph, camera_info, image_message, picture
from std_srvs.srv import SetBool, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Rig:
    """The camera of the soak: a node to publish with, and a picture of its size.

    Args:
        graph: Publishes, and calls services.
        width: Of the pictures, in pixels.
        height: Of the pictures.
        release: The file that lets a hanging engine go.
    """

    def __init__(self, graph: Graph, width: int, height: int, release: Path) -> None:
        self.graph, self.width, self.height, self.release = graph, width, height, release
        self.pictures = [picture(height, width, seed) for seed in range(4)]
        self.sent = 0

    def frame(self, pixels: Any = None, encoding: str = "rgb8") -> tuple[Any, Any]:
        """An image and its camera_info, of now."""
        pixels = self.pictures[self.sent % len(self.pictures)] if pixels is None else pixels
        image = image_message(pixels, encoding)
        info = camera_info(pixels.shape[1], pixels.shape[0], image.header.stamp, fx=0.9 * pixels.shape[1])
        return image, info

    def send(self, image: Any, info: Any) -> None:
        """Publish a frame."""
        self.sent += 1
        self.graph.send(image, info)

    def ask(self, fault: int) -> None:
        """Send a picture that asks the engine for a fault, a few times: best effort may lose one."""
        for _ in range(3):
            self.send(*self.frame(faulty_node.ask_for(self.pictures[0], fault)))
            self.graph.spin(0.3)


def _broken(change: Callable[[Any, Any], None]) -> Callable[[Rig], None]:
    def inject(rig: Rig) -> None:
        for _ in range(5):
            image, info = rig.frame()
            change(image, info)
            rig.send(image, info)
            rig.graph.spin(0.1)

    return inject


def _cut(image: Any, _: Any) -> None:
    image.data = image.data[:-100]


def _unknown(image: Any, _: Any) -> None:
    image.encoding = "jpeg_in_disguise"


def _nan(_: Any, info: Any) -> None:
    info.p = [math.nan] * 12


def _hour_back(image: Any, info: Any) -> None:
    stamp = image.header.stamp
    image.header.stamp = info.header.stamp = Time(sec=stamp.sec - 3600, nanosec=stamp.nanosec)


def _silence(rig: Rig) -> None:
    rig.graph.spin(4.0)


def _other_size(rig: Rig) -> None:
    for _ in range(5):
        rig.send(*rig.frame(picture(rig.height // 2, rig.width // 2)))
        rig.graph.spin(0.2)


def _burst(rig: Rig) -> None:
    for _ in range(40):
        rig.send(*rig.frame())


def _no_info(rig: Rig) -> None:
    for _ in range(30):
        rig.send(rig.frame()[0], None)
        rig.graph.spin(0.02)


def _visitors(rig: Rig) -> None:
    for _ in range(3):
        visitor = Graph()
        visitor.subscribe("label_color", "overlay", "points", "depth")
        rig.send(*rig.frame())
        visitor.spin(0.7)
        visitor.close()


def _parameter_storm(rig: Rig) -> None:
    draw = random.Random(rig.sent)  # noqa: S311 (not cryptography)
    names = ("overlay.alpha", "min_confidence", "points.max_range", "points.edge_filter", "no.such", "weights")
    for _ in range(40):
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=draw.uniform(-0.5, 1.0))
        request = SetParameters.Request(parameters=[Parameter(name=draw.choice(names), value=value)])
        rig.graph.call(SetParameters, "set_parameters", request)
    for name, number in (("overlay.alpha", 0.5), ("min_confidence", 0.0), ("points.max_range", 0.0)):
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=number)
        rig.graph.call(
            SetParameters, "set_parameters", SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        )


def _reload(rig: Rig) -> None:
    rig.graph.call(Trigger, "reload", Trigger.Request())


def _round(rig: Rig) -> None:
    rig.graph.change_state("deactivate")
    rig.graph.change_state("activate")


def _disabled(rig: Rig) -> None:
    rig.graph.call(SetBool, "set_enabled", SetBool.Request(data=False))
    for _ in range(3):
        rig.send(*rig.frame())
        rig.graph.spin(0.1)
    rig.graph.call(SetBool, "set_enabled", SetBool.Request(data=True))


def _failing(fault: int) -> Callable[[Rig], None]:
    def inject(rig: Rig) -> None:
        rig.ask(fault)
        rig.graph.spin(2.0)  # the CPU takes over
        _reload(rig)

    return inject


def _hang(rig: Rig) -> None:
    rig.release.unlink(missing_ok=True)
    rig.ask(faulty_node.HANG)
    rig.graph.spin(14.0)  # the soak's watchdog.timeout is 8 s
    rig.release.touch()


FAULTS: dict[str, Callable[[Rig], None]] = {
    "images cut short": _broken(_cut),
    "unknown encoding": _broken(_unknown),
    "NaN in camera_info": _broken(_nan),
    "no camera_info": _no_info,
    "stamps an hour back": _broken(_hour_back),
    "camera silent": _silence,
    "another size": _other_size,
    "burst": _burst,
    "visitors": _visitors,
    "parameter storm": _parameter_storm,
    "engine exception": lambda rig: rig.ask(faulty_node.RAISE),
    "NaN and Inf predicted": lambda rig: rig.ask(faulty_node.NOT_A_NUMBER),
    "GPU lost": _failing(faulty_node.LOST),
    "GPU out of memory": _failing(faulty_node.NO_ROOM),
    "reload": _reload,
    "engine hangs": _hang,
    "disabled, enabled": _disabled,
    "deactivate, activate": _round,
}
