# SPDX-License-Identifier: Apache-2.0
"""The published domains: names by id, colours, and where they lie in a segmentation head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from joint_perception.domains import DOMAINS, KITTI, NYUD, NYUD_KITTI, DomainError, get_domain
from joint_perception.domains.catalogue import voc_color

DATA = Path(__file__).parents[3] / "shared" / "data"

NYUD_NAMES = (
    "wall floor cabinet bed chair sofa table door window bookshelf picture counter blinds desk shelves curtain dresser "
    "pillow mirror floor-mat clothes ceiling books refridgerator television paper towel shower-curtain box whiteboard "
    "person night-stand toilet sink lamp bathtub bag otherstructure otherfurniture otherprop"
)
KITTI_NAMES = "sky building road sidewalk vegetation car"

# The PASCAL VOC palette as its development kit prints it: void and the 20 classes; then the last entry.
VOC = (
    *((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)),
    *((128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0), (64, 0, 128), (192, 0, 128)),
    *((64, 128, 128), (192, 128, 128), (0, 64, 0), (128, 64, 0), (0, 192, 0), (128, 192, 0), (0, 64, 128)),
)


def test_names_stand_at_their_ids():
    assert NYUD.num_classes == 40
    assert " ".join(NYUD.class_names) == NYUD_NAMES
    assert KITTI.num_classes == 6
    assert " ".join(KITTI.class_names) == KITTI_NAMES
    assert NYUD_KITTI.num_classes == 46
    assert " ".join(NYUD_KITTI.class_names) == f"{NYUD_NAMES} {KITTI_NAMES}"
    assert DOMAINS == {"nyud": NYUD, "kitti": KITTI, "nyud_kitti": NYUD_KITTI}


def test_voc_palette_is_the_development_kits():
    assert tuple(voc_color(i) for i in range(21)) == VOC
    assert voc_color(255) == (224, 224, 192)


def test_nyud_colours_are_the_voc_palette_without_void():
    assert NYUD.colors[:20] == VOC[1:]
    assert list(NYUD.colors) == [bits_dealt(i) for i in range(1, 41)]


def bits_dealt(index):
    """The palette another way: every third bit of the index, the least one first."""
    bits = f"{index:024b}"[::-1]
    return int(bits[0::3], 2), int(bits[1::3], 2), int(bits[2::3], 2)


def test_kitti_colours_are_the_published_ones():
    assert dict(zip(KITTI.class_names, KITTI.colors, strict=True)) == {
        "sky": (128, 128, 128),
        "building": (128, 0, 0),
        "road": (128, 64, 128),
        "sidewalk": (0, 0, 192),
        "vegetation": (128, 128, 0),
        "car": (64, 0, 128),
    }


@pytest.mark.parametrize("domain", [NYUD, KITTI])
def test_colours_tell_classes_apart(domain):
    assert len({*domain.colors, (0, 0, 0)}) == domain.num_classes + 1  # void's among them


def test_the_joint_layout_is_one_domain_after_the_other():
    assert NYUD_KITTI.colors == NYUD.colors + KITTI.colors
    assert NYUD_KITTI.class_ids(("wall", "otherprop", "sky", "car")) == (0, 39, 40, 45)
    assert NYUD_KITTI.depth_range == KITTI.depth_range
    assert NYUD_KITTI.focal_length is None


@pytest.mark.parametrize(
    ("name", "head", "channels"),
    [
        ("nyud", None, range(40)),
        ("nyud", 40, range(40)),
        ("nyud", 46, range(40)),
        ("kitti", None, range(6)),
        ("kitti", 6, range(6)),
        ("kitti", 46, range(40, 46)),
        ("nyud_kitti", None, range(46)),
        ("nyud_kitti", 46, range(46)),
    ],
)
def test_a_domain_knows_its_channels_of_the_head(name, head, channels):
    domain = get_domain(name, head)

    assert range(domain.first_channel, domain.first_channel + domain.num_classes) == channels
    same = ("name", "class_names", "colors", "depth_range", "focal_length", "image_width")
    assert all(getattr(domain, field) == getattr(DOMAINS[name], field) for field in same)


@pytest.mark.parametrize(
    ("name", "head", "named"),
    [
        ("cityscapes", None, "'cityscapes'; choose one of nyud, kitti, nyud_kitti"),
        ("", 6, "''; choose one of"),
        ("nyud", 6, "'nyud' has 40 classes .* has 6; choose domain kitti"),
        ("kitti", 40, "'kitti' has 6 classes .* has 40; choose domain nyud"),
        ("nyud_kitti", 40, "'nyud_kitti' has 46 classes .* has 40; choose domain nyud"),
        ("kitti", 19, "'kitti' has 6 classes .* has 19; no domain fits it"),
    ],
)
def test_a_domain_that_does_not_exist_or_does_not_fit_is_refused(name, head, named):
    with pytest.raises(DomainError, match=named):
        get_domain(name, head)


@pytest.mark.skipif(not DATA.is_dir(), reason="the authors' example images are not here")
def test_the_authors_kitti_picture_has_our_colours():
    cv2 = pytest.importorskip("cv2")
    colors = cv2.imread(str(DATA / "kitti_segm_gt_000099.png"))[..., ::-1].reshape(-1, 3)

    found = {tuple(color) for color in np.unique(colors, axis=0).tolist()}

    assert found <= {*KITTI.colors, (0, 0, 0)}
    assert len(found) > 4


@pytest.mark.skipif(not DATA.is_dir(), reason="the authors' example images are not here")
def test_the_authors_nyud_picture_has_our_ids_and_depths():
    cv2 = pytest.importorskip("cv2")
    ids = set(np.unique(cv2.imread(str(DATA / "nyud_segm_gt_000464.png"), cv2.IMREAD_UNCHANGED)).tolist())
    depth = cv2.imread(str(DATA / "nyud_depth_gt_000464.png"), cv2.IMREAD_UNCHANGED) / 5000.0

    assert ids <= {*range(NYUD.num_classes), 255}
    assert {NYUD.class_names[i] for i in ids - {255}} >= {"wall", "floor"}
    low, high = NYUD.depth_range
    assert (depth[depth > 0] >= low).all()
    assert (depth <= high).all()
