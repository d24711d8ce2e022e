# SPDX-License-Identifier: Apache-2.0
"""Two nodes for all consumers: one with the defaults, one with another depth encoding and network size.

Both hear the same camera. Each consumer's tests read the messages that came over DDS. They live as long as
this folder's tests, which are a package for that sake: in other tests' graph they would answer too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import ros_graph
import torch
from formula_checkpoint import formula_image, formula_state_dict
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data as SENSOR_DATA  # noqa: N812

if TYPE_CHECKING:
    import numpy as np
    from joint_perception.msg import ClassMap
    from sensor_msgs.msg import CameraInfo, Image

HEIGHT, WIDTH = 120, 168  # neither a multiple of 32
FRAME_ID = "robot1/left camera_optical-frame"
PER_FRAME = tuple(output for output in ros_graph.OUTPUTS if output != "classes")
CLASSES = ("sky", "building", "road", "sidewalk", "vegetation", "car")


@dataclass(frozen=True)
class Station:
    """A node, and what its consumers were told.

    Attributes:
        name: `metres` or `millimetres`, after its depth images.
        graph: Subscribed to every output.
        process: The node.
        excluded: Names of the classes that get no points.
    """

    name: str
    graph: ros_graph.Graph
    process: ros_graph.NodeProcess
    excluded: tuple[str, ...]

    def show(self, pixels: np.ndarray, info: CameraInfo, outputs: tuple[str, ...] = PER_FRAME) -> Scene:
        """Send an RGB picture; what came back for it."""
        image = ros_graph.image_message(pixels)
        image.header.frame_id = info.header.frame_id = FRAME_ID
        received = self.graph.exchange(image, info, outputs, self.process)
        self.graph.received.clear()
        return Scene(self, pixels, image, info, received)

    def overhear(self, pixels: np.ndarray, info: CameraInfo, kinds: dict[str, type], outputs=("label",)) -> Scene:
        """As `show`, with further outputs, of these message types, as sensor-data subscribers get them."""
        node, received = self.graph.node, {name: [] for name in kinds}
        subscriptions = [
            node.create_subscription(kind, f"{self.graph.node_name}/{name}", received[name].append, SENSOR_DATA)
            for name, kind in kinds.items()
        ]
        try:
            for _ in range(20):
                scene = self.show(pixels, info, outputs)
                self.graph.spin(0.2)
                same = {n: [m for m in got if m.header == scene.image.header] for n, got in received.items()}
                if all(same.values()):
                    return replace(scene, outputs=scene.outputs | {n: got[0] for n, got in same.items()})
            pytest.fail(f"no frame came with {list(kinds)}\n{self.process.log}")
        finally:
            for subscription in subscriptions:
                node.destroy_subscription(subscription)

    def set(self, **values: object) -> None:
        """Set parameters of the node while it runs; a dot of a name is written as two underscores."""
        parameters = [Parameter(name.replace("__", "."), value=v).to_parameter_msg() for name, v in values.items()]
        request = SetParameters.Request(parameters=parameters)
        for result in self.graph.call(SetParameters, "set_parameters", request).results:
            assert result.successful, result.reason

    @property
    def excluded_ids(self) -> list[int]:
        return [CLASSES.index(name) for name in self.excluded]


@dataclass(frozen=True)
class Scene:
    """A picture that a node was shown, and its outputs.

    Attributes:
        station: Where it was shown.
        pixels: (H, W, 3) uint8 RGB.
        image: The message it went in.
        info: The camera_info beside it.
        outputs: Output to message.
    """

    station: Station
    pixels: np.ndarray
    image: Image
    info: CameraInfo
    outputs: dict

    def array(self, output: str) -> np.ndarray:
        """The pixels of an output image."""
        return ros_graph.array_of(self.outputs[output])

    @property
    def points(self) -> np.ndarray:
        """The cloud as a structured array, (H, W)."""
        return ros_graph.points_of(self.outputs["points"])


@pytest.fixture(scope="session")
def far_sighted(tmp_path_factory):
    """KITTI weights by a formula, whose depths lie on both sides of 65.535 m and of the domain's 80 m."""
    state = formula_state_dict(6, 2)
    state["depth.weight"] *= 8
    state["depth.bias"] = torch.full_like(state["depth.bias"], 48.0)
    path = tmp_path_factory.mktemp("weights") / "far_sighted.ckpt"
    torch.save({"state_dict": state}, path)
    return path


@pytest.fixture(scope="package")
def stations(far_sighted, tmp_path_factory):
    """Both nodes, started at once; ended when the last consumer is done."""
    common = {
        "weights": str(far_sighted),
        "image_topic": ros_graph.IMAGE_TOPIC,
        "device": "cpu",
        "runtime": "torch",
        "depth.focal_correction": "off",  # the pictures' camera has another lens than KITTI's
    }
    special = {
        "depth.encoding": "16UC1",
        "network.width": 128,
        "network.height": 96,
        "points.excluded_classes": ["sky", "road"],
        f"qos_overrides./special{ros_graph.NODE}/normals.publisher.reliability": "best_effort",
    }
    folder = tmp_path_factory.mktemp("nodes")
    metres = ros_graph.NodeProcess(common, folder / "metres.log")
    millimetres = ros_graph.NodeProcess(common | special, folder / "millimetres.log", ("-r", "__ns:=/special"))
    made = {
        "metres": Station("metres", ros_graph.Graph(), metres, ("sky",)),
        "millimetres": Station(
            "millimetres", ros_graph.Graph(f"/special{ros_graph.NODE}"), millimetres, ("sky", "road")
        ),
    }
    try:
        for station in made.values():
            station.graph.subscribe(*ros_graph.OUTPUTS)
            station.graph.wait_for_camera_match(station.process)
        yield made
    finally:
        for station in made.values():
            station.graph.close()
        ends = [station.process.interrupt() for station in made.values()]
    assert ends == [0, 0], [station.process.log for station in made.values()]


@pytest.fixture(scope="package")
def scenes(stations):
    """One picture of every class, shown to both."""
    return {
        name: station.show(formula_image(HEIGHT, WIDTH), ros_graph.camera_info(WIDTH, HEIGHT))
        for name, station in stations.items()
    }


@pytest.fixture(params=["metres", "millimetres"])
def scene(scenes, request):
    """The scene of each node in turn."""
    return scenes[request.param]


@pytest.fixture
def metres(scenes):
    return scenes["metres"]


@pytest.fixture
def millimetres(scenes):
    return scenes["millimetres"]


@pytest.fixture
def visitor(scene):
    """Another subscriber and camera, that comes late, of the node of `scene`."""
    graph = ros_graph.Graph(scene.station.graph.node_name)
    yield graph
    graph.close()


@pytest.fixture(scope="package")
def latched(scenes):
    """What subscribers hear of the classes that come long after they were published."""
    heard = {}
    for name, scene in scenes.items():
        graph = ros_graph.Graph(scene.station.graph.node_name)
        graph.subscribe("classes")
        graph.wait(lambda graph=graph: graph.received["classes"], "the latched classes", node=scene.station.process)
        (heard[name],) = graph.received["classes"]
        graph.close()
    return heard


@pytest.fixture
def latched_classes(latched, scene) -> ClassMap:
    """What a late subscriber of the node of `scene` hears of the classes."""
    return latched[scene.station.name]
