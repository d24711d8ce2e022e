# SPDX-License-Identifier: Apache-2.0
"""`joint_perception view`: a look at results without ROS, in Rerun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from joint_perception.offline.rerun_scene import Scene

_OUTPUTS = ("label", "depth", "points")
_SUFFIXES = ("/compressedDepth", "/compressed")
_RESULT = "_label.png"  # of `joint_perception infer`


class ViewError(RuntimeError):
    """Nothing to look at, or nothing to look with."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "view",
        help="look at results in Rerun: image, labels, depth, points, camera",
        description="Opens Rerun's viewer (pip install rerun-sdk) on a bag that has the node's outputs, on a folder of "
        "`joint_perception video` or on one of `joint_perception infer`.",
    )
    parser.add_argument("results", type=Path, metavar="OUT", help="a bag or a folder of results")
    parser.add_argument("--save", type=Path, metavar="FILE.rrd", help="write a file for the viewer; opens no window")
    parser.add_argument(
        "--node-name", default="joint_perception", metavar="NAME", help="namespace of the output topics"
    )
    parser.add_argument("--point-stride", type=int, default=1, metavar="N", help="every N-th point of the clouds")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show results.

    Raises:
        ViewError: Rerun is not installed, or there is nothing to show.
        BagError: The bag cannot be read.
    """
    try:
        import rerun  # noqa: PLC0415 (optional, 170 MB)
    except ModuleNotFoundError as error:
        raise ViewError("the viewer is not installed; pip install rerun-sdk") from error
    from joint_perception.offline.rerun_scene import Scene  # noqa: PLC0415 (rosbags, OpenCV: not for --help)

    if options.point_stride < 1:
        raise ViewError(f"--point-stride is {options.point_stride}; it is 1 or more")
    recording = rerun.RecordingStream("joint_perception")
    if options.save is not None:
        recording.save(options.save)
    else:
        recording.spawn()
    scene = Scene(rerun, recording, options.point_stride)
    results: Path = options.results
    bag = results / "bag" if (results / "bag").is_dir() else results
    if bag.is_dir() and any(bag.glob(f"*{_RESULT}")):
        shown = _show_files(rerun, scene, bag)
    else:
        shown = _show_bag(scene, bag, options.node_name.strip("/"))
    if not shown:
        raise ViewError(
            f"{str(results)!r} has no outputs of /{options.node_name.strip('/')}; name another node with --node-name"
        )
    recording.send_blueprint(_blueprint(rerun, scene))
    recording.flush()
    where = f"in {options.save}" if options.save is not None else "in the viewer"
    print(f"{shown} outputs of {', '.join(scene.frames)} {where}")
    return 0


def _show_bag(scene: Scene, bag: Path, node: str) -> int:
    from joint_perception.offline.bags.message_types import CLASS_MAP, COMPRESSED_IMAGE, IMAGE  # noqa: PLC0415
    from joint_perception.offline.bags.recording import Recording  # noqa: PLC0415

    shown = 0
    with Recording(bag) as recording:
        shows: dict[int, Any] = {}
        for i, topic in enumerate(recording.topics):
            ours, output = topic.name.startswith(f"/{node}/"), _output(topic.name)
            if topic.kind == CLASS_MAP and ours:
                shows[i] = scene.classes
            elif ours and output in _OUTPUTS:
                shows[i] = getattr(scene, output)
            elif topic.kind.endswith("/CameraInfo"):
                shows[i] = scene.info
            elif topic.kind.endswith("/TFMessage"):
                shows[i] = scene.transforms
            elif topic.kind in (IMAGE, COMPRESSED_IMAGE) and not ours:
                shows[i] = scene.image
        wanted = {i for i, topic in enumerate(recording.topics) if _output(topic.name) in _OUTPUTS}
        for message in recording.messages():
            if message.topic in shows:
                shows[message.topic](recording.decode(message))
                shown += message.topic in wanted and recording.topics[message.topic].name.startswith(f"/{node}/")
    return shown


def _output(topic: str) -> str:
    for suffix in _SUFFIXES:
        topic = topic.removesuffix(suffix)
    return topic.rpartition("/")[2]


def _show_files(rerun: Any, scene: Scene, folder: Path) -> int:
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    from joint_perception.geometry.ply import read_ply  # noqa: PLC0415
    from joint_perception.offline.files import read_image  # noqa: PLC0415

    files = sorted(folder.glob(f"*{_RESULT}"))
    for second, file in enumerate(files):  # a result a second
        stem = file.name.removesuffix(_RESULT)
        scene.at(second * 1_000_000_000)
        label, depth = (cv2.imread(str(folder / f"{stem}_{what}.png"), cv2.IMREAD_UNCHANGED) for what in _OUTPUTS[:2])
        if label is None or depth is None:
            raise ViewError(f"{str(file)!r} or the depth image beside it cannot be decoded; run infer again")
        scene.log(stem, "camera/image", rerun.Image(read_image(folder / f"{stem}_overlay.png")))
        scene.log(stem, "camera/label", rerun.SegmentationImage(np.asarray(label)))
        scene.log(stem, "camera/depth", rerun.DepthImage(np.asarray(depth), meter=1000.0))
        xyz, rgb = read_ply(folder / f"{stem}.ply")
        scene.log(stem, "points", rerun.Points3D(xyz, colors=rgb))
    return 3 * len(files)


def _blueprint(rerun: Any, scene: Scene) -> Any:
    views = rerun.blueprint
    flat = [
        views.Spatial2DView(
            origin=rerun.new_entity_path(["world", frame, "camera"]),
            name=f"{frame}: {title}",
            contents=[f"$origin/{name}" for name in names],
        )
        for frame in list(scene.frames)[:3]
        for title, names in (("image and labels", ("image", "label")), ("depth", ("depth",)))
    ]
    space = views.Spatial3DView(origin="world", name="points", contents=["$origin/**", "- /world/*/camera/depth"])
    return views.Blueprint(views.Horizontal(space, views.Grid(*flat), column_shares=[3, 2]), collapse_panels=True)
