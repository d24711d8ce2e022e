# SPDX-License-Identifier: Apache-2.0
"""The domains of the published checkpoints: NYUD-40, KITTI-6, and both in one head."""

from __future__ import annotations

from joint_perception.domains.domain import Domain, DomainError

_NYUD_NAMES = [
    "wall",
    "floor",
    "cabinet",
    "bed",
    "chair",
    "sofa",
    "table",
    "door",
    "window",
    "bookshelf",
    "picture",
    "counter",
    "blinds",
    "desk",
    "shelves",
    "curtain",
    "dresser",
    "pillow",
    "mirror",
    "floor-mat",
    "clothes",
    "ceiling",
    "books",
    "refridgerator",
    "television",
    "paper",
    "towel",
    "shower-curtain",
    "box",
    "whiteboard",
    "person",
    "night-stand",
    "toilet",
    "sink",
    "lamp",
    "bathtub",
    "bag",
    "otherstructure",
    "otherfurniture",
    "otherprop",
]  # the benchmark's own spelling, refridgerator included

_KITTI_CLASSES = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "road": (128, 64, 128),
    "sidewalk": (0, 0, 192),
    "vegetation": (128, 128, 0),
    "car": (64, 0, 128),
}


def voc_color(index: int) -> tuple[int, int, int]:
    """Entry `index` of the PASCAL VOC palette: the bits of the index, dealt in turn to R, G and B.

    Source: `VOClabelcolormap` of the PASCAL VOC development kit.
    """
    color = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            color[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
    return color[0], color[1], color[2]


# Depth ranges: the caps that evaluations on the two sets agree on (Eigen et al., NIPS 2014, and after).
# fx: the NYU Depth v2 toolbox's RGB camera at 640x480; KITTI's rectified colour cameras at 1242x375.
NYUD = Domain(
    name="nyud",
    class_names=tuple(_NYUD_NAMES),
    colors=tuple(voc_color(i + 1) for i in range(len(_NYUD_NAMES))),
    depth_range=(1e-3, 10.0),
    focal_length=518.86,
    image_width=640,
)

KITTI = Domain(
    name="kitti",
    class_names=tuple(_KITTI_CLASSES),
    colors=tuple(_KITTI_CLASSES.values()),
    depth_range=(1e-3, 80.0),
    focal_length=721.5,
    image_width=1242,
)

NYUD_KITTI = Domain(
    name="nyud_kitti",
    class_names=NYUD.class_names + KITTI.class_names,
    colors=NYUD.colors + KITTI.colors,
    depth_range=(1e-3, 80.0),
    focal_length=None,
    image_width=None,
)

DOMAINS: dict[str, Domain] = {domain.name: domain for domain in (NYUD, KITTI, NYUD_KITTI)}


def get_domain(name: str, head_classes: int | None = None) -> Domain:
    """The domain of that name, as it lies in a segmentation head of so many channels.

    Args:
        name: `nyud`, `kitti` or `nyud_kitti`.
        head_classes: Channels of the network's segmentation head. A head of 46 holds both domains: NYUD
            in channels 0..39, KITTI in 40..45. None: the domain's own number.

    Raises:
        DomainError: No such domain, or the head does not hold it.
    """
    if name not in DOMAINS:
        raise DomainError(f"unknown domain {name!r}; choose one of {', '.join(DOMAINS)}")
    domain = DOMAINS[name]
    if head_classes in (None, domain.num_classes):
        return domain
    if head_classes == NYUD_KITTI.num_classes:
        return domain if domain is NYUD else _KITTI_IN_JOINT_HEAD
    fitting = [d.name for d in DOMAINS.values() if d.num_classes == head_classes]
    raise DomainError(
        f"domain {name!r} has {domain.num_classes} classes but the network's segmentation head has "
        f"{head_classes}; " + (f"choose domain {' or '.join(fitting)}" if fitting else "no domain fits it")
    )


_KITTI_IN_JOINT_HEAD = Domain(
    name=KITTI.name,
    class_names=KITTI.class_names,
    colors=KITTI.colors,
    depth_range=KITTI.depth_range,
    focal_length=KITTI.focal_length,
    image_width=KITTI.image_width,
    first_channel=NYUD.num_classes,
)
