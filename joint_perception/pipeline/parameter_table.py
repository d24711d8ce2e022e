# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: one table, from which declarations, checks and documentation come."""

from __future__ import annotations

from joint_perception.domains import DOMAINS
from joint_perception.pipeline.cloud_parameters import CLOUD_PARAMETERS
from joint_perception.pipeline.parameter_spec import FAR, Spec

PARAMETERS: tuple[Spec, ...] = (
    Spec(
        "autostart",
        default=True,
        description="Configure and activate the node by itself when it starts; false leaves it to a manager.",
    ),
    # --- the network ---
    Spec(
        "weights",
        default="",
        description="Name of published weights (`joint_perception weights list`), or path of a checkpoint file.",
    ),
    Spec("device", default="auto", description="Where the network runs: auto, cpu, cuda or cuda:N."),
    Spec(
        "cpu_fallback",
        default=True,
        description="Let the CPU take over, far slower, when the device is lost or has no memory for one frame; false: "
        "frames are dropped for want of memory, and a lost device ends the process with exit status 70.",
    ),
    Spec(
        "runtime",
        default="auto",
        description="What runs the network: torch, openvino, onnxruntime or tensorrt; auto: the fastest that is "
        "installed and agrees with torch in fp32 (99 % of labels, depth within 1 %).",
        choices=("auto", "torch", "openvino", "onnxruntime", "tensorrt"),
    ),
    Spec(
        "precision",
        default="fp32",
        description="Number format of the network's sums: fp32; bf16, for CPUs and GPUs that have it; fp16, for CUDA "
        "devices.",
        choices=("fp32", "fp16", "bf16"),
    ),
    Spec(
        "network.width",
        default=0,
        description="Width in pixels the image is resized to for the network; 0, with height 0: the image's own. "
        "Outputs keep the image's size.",
        minimum=0,
        maximum=8192,
    ),
    Spec(
        "network.height",
        default=0,
        description="Height in pixels the image is resized to for the network; 0, with width 0: the image's own.",
        minimum=0,
        maximum=8192,
    ),
    # --- cameras ---
    Spec(
        "cameras",
        default=[],
        description="Names of the cameras that share the network, each with its outputs in ~/<name>/; empty: "
        "one camera without a name.",
    ),
    Spec(
        "image_topic",
        default="image",
        description="Topic of the camera images, sensor_msgs/Image. With `cameras`, a relative one is taken below each "
        "camera's name.",
        per_camera=True,
    ),
    Spec(
        "camera_info_topic",
        default="",
        description="Topic of their sensor_msgs/CameraInfo; empty: `camera_info` beside the images.",
        per_camera=True,
    ),
    Spec(
        "image_transport",
        default="raw",
        description="raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage (JPEG, PNG) on "
        "<image_topic>/compressed.",
        choices=("raw", "compressed"),
        per_camera=True,
    ),
    Spec(
        "rectify",
        default=False,
        description="Undistort the images by the camera_info's D, R and P before everything else; for topics "
        "that are not rectified.",
        live=True,
        per_camera=True,
    ),
    Spec(
        "pairing.mode",
        default="exact",
        description="exact: an image waits for the camera_info of its stamp; latest: it takes the newest that "
        "came, for cameras that publish it rarely or once.",
        choices=("exact", "latest"),
        per_camera=True,
    ),
    Spec(
        "pairing.queue_size",
        default=10,
        description="Images, and camera_infos, that wait for their partner of the same stamp.",
        minimum=1,
        maximum=1000,
        per_camera=True,
    ),
    Spec(
        "sync.mode",
        default="free",
        description="With several cameras. free: the newest image of each; approximate: sets of images whose "
        "stamps lie within sync.slop.",
        choices=("free", "approximate"),
    ),
    Spec(
        "sync.slop",
        default=0.05,
        description="Difference in seconds that the stamps of a set stay below.",
        minimum=0.001,
        maximum=10.0,
    ),
    Spec(
        "sync.queue_size",
        default=10,
        description="Images of each camera that wait for a set to be complete.",
        minimum=1,
        maximum=1000,
    ),
    # --- labels ---
    Spec(
        "domain",
        default="",
        description="What the labels mean: nyud, kitti or nyud_kitti; empty takes the domain of the weights.",
        choices=("", *DOMAINS),
        live=True,
        per_camera=True,
    ),
    Spec(
        "grouping",
        default="",
        description="Publish groups of classes in place of the classes: a name out of config/groupings, or the "
        "path of a YAML; empty: the classes themselves.",
        live=True,
        per_camera=True,
    ),
    Spec(
        "min_confidence",
        default=0.0,
        description="A label less probable than this becomes void, 255.",
        live=True,
        minimum=0.0,
        maximum=1.0,
        per_camera=True,
    ),
    Spec(
        "overlay.alpha",
        default=0.5,
        description="Share of the label colours in ~/overlay, 0 to 1.",
        live=True,
        minimum=0.0,
        maximum=1.0,
        per_camera=True,
    ),
    # --- depth ---
    Spec(
        "depth.encoding",
        default="32FC1",
        description="Encoding of ~/depth: 32FC1 is metres with NaN for no measurement, 16UC1 millimetres with 0 for "
        "none (up to 65.535 m).",
        live=True,
        choices=("32FC1", "16UC1"),
        per_camera=True,
    ),
    Spec(
        "depth.focal_correction",
        default="auto",
        description="Factor on the depth for another lens than the training camera's. auto: fx in network "
        "pixels over the training camera's; off: 1; or a number.",
        live=True,
        choices=("auto", "off"),
        or_number=True,
        per_camera=True,
    ),
    Spec(
        "depth.scale",
        default=1.0,
        description="A further factor on the depth, as `joint_perception calibrate-depth` finds it.",
        live=True,
        minimum=1e-3,
        maximum=1e3,
        per_camera=True,
    ),
    Spec(
        "depth.min",
        default=0.0,
        description="Depth in metres below which there is no measurement (NaN); 0: the domain's limit times the "
        "factors above.",
        live=True,
        minimum=0.0,
        maximum=FAR,
        per_camera=True,
    ),
    Spec(
        "depth.max",
        default=0.0,
        description="Depth in metres above which there is no measurement (NaN); 0: the domain's limit times the "
        "factors above.",
        live=True,
        minimum=0.0,
        maximum=FAR,
        per_camera=True,
    ),
    Spec(
        "normals.source",
        default="auto",
        description="Where ~/normals come from. network: its head for them; depth: the shape of the depth; "
        "auto: the head where the weights have one, else the depth.",
        live=True,
        choices=("auto", "network", "depth"),
        per_camera=True,
    ),
    # --- clouds ---
    *CLOUD_PARAMETERS,
    # --- the worker ---
    Spec(
        "watchdog.timeout",
        default=30.0,
        description="Seconds that a frame may spend in one stage (decode, network, publish, ...); after that the "
        "worker counts as stuck, is reported and restarted. 0: never. Longer than the first frame of a new size takes.",
        live=True,
        minimum=0.0,
        maximum=3600.0,
    ),
    Spec(
        "watchdog.max_stuck",
        default=3,
        description="Workers given up that may be stuck at once, each with its memory; one more ends the process with "
        "exit status 70, for its supervisor to start it anew.",
        live=True,
        minimum=0,
        maximum=100,
    ),
    # --- transport ---
    Spec(
        "transport.check",
        default=True,
        description="Measure, when the first images come, whether a cloud of their size reaches another process, and "
        "warn with the remedy when it does not. Takes a second or two of another process, once.",
        live=True,
    ),
    # --- diagnostics ---
    Spec(
        "diagnostics.min_rate",
        default=1.0,
        description="Frames per second below which a camera's diagnostics warn.",
        live=True,
        minimum=0.0,
        maximum=1000.0,
    ),
    Spec(
        "diagnostics.max_latency",
        default=1.0,
        description="Seconds from stamp to publication above which the 90th percentile warns.",
        live=True,
        minimum=0.0,
        maximum=3600.0,
    ),
    Spec(
        "diagnostics.max_age",
        default=2.0,
        description="Seconds without an image after which a camera's diagnostics are an error.",
        live=True,
        minimum=0.1,
        maximum=3600.0,
    ),
    Spec(
        "diagnostics.max_drop_ratio",
        default=0.5,
        description="Share of unusable frames above which a camera's diagnostics warn.",
        live=True,
        minimum=0.0,
        maximum=1.0,
    ),
)

BY_NAME: dict[str, Spec] = {spec.name: spec for spec in PARAMETERS}
PER_CAMERA: tuple[str, ...] = tuple(spec.name for spec in PARAMETERS if spec.per_camera)
