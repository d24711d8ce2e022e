# SPDX-License-Identifier: Apache-2.0
"""Named weights: where they come from, how they are known to be the right ones, where they are kept."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

_AUTHORS = "https://github.com/DrSleep/multi-task-refinenet/raw/master/weights"
_AUTHORS_LICENCE = "academic, non-commercial use only (the authors' licence; ask them for any other)"
_DEMO_LICENCE = "academic, non-commercial use only (trained on CamVid, among others, whose images are for academic use)"
_SHIPPED = Path(__file__).parent
_CHUNK = 1 << 20


class WeightsError(RuntimeError):
    """Weights that are unknown, absent, damaged or not to be had."""


@dataclass(frozen=True)
class NamedWeights:
    r"""A checkpoint that has a name.

    Attributes:
        name: What users call it.
        domain: The domain its labels and depths belong to.
        url: Where it can be downloaded; None: it is part of this package.
        git_blob_sha1: SHA-1 of `b"blob <size>\0" + content`, the name git gives the file.
        sha256: SHA-256 of the content, where known.
        size: Bytes, where known.
        image_width: Width in pixels of the images trained on, where it is not the domain's own: its metres
            belong to the domain's camera at that width.
        licence: What it may be used for.
        description: One line for a person.
    """

    name: str
    domain: str
    url: str | None
    git_blob_sha1: str
    licence: str
    description: str
    sha256: str | None = None
    size: int | None = None
    image_width: int | None = None

    @property
    def filename(self) -> str:
        """Name of the file."""
        return f"{self.name}.safetensors" if self.url is None else self.url.rsplit("/", 1)[-1]

    @property
    def path(self) -> Path:
        """Where the file belongs on this machine: in the package, or in the cache."""
        return (_SHIPPED if self.url is None else cache_directory()) / self.filename

    @property
    def remedy(self) -> str:
        """What to do where the file is absent or damaged."""
        if self.url is None:
            return "it is part of the package: install joint_perception again"
        return f"`joint_perception weights fetch {self.name}` gets it"


NAMED_WEIGHTS: dict[str, NamedWeights] = {
    weights.name: weights
    for weights in (
        NamedWeights(
            name="nyud",
            domain="nyud",
            url=f"{_AUTHORS}/ExpNYUD_joint.ckpt",
            git_blob_sha1="56f5f5a6bc08a64f36e83547140add41baa4216d",
            licence=_AUTHORS_LICENCE,
            description="indoor: 40 classes, depth (NYUDv2)",
        ),
        NamedWeights(
            name="nyud_three",
            domain="nyud",
            url=f"{_AUTHORS}/ExpNYUD_three.ckpt",
            git_blob_sha1="6f412c152600827cabff5e1b66efad50090c16a7",
            licence=_AUTHORS_LICENCE,
            description="indoor: 40 classes, depth, surface normals (NYUDv2)",
        ),
        NamedWeights(
            name="kitti",
            domain="kitti",
            url=f"{_AUTHORS}/ExpKITTI_joint.ckpt",
            git_blob_sha1="d9386a96f748001406c622100ce944333d1967ff",
            sha256="2140d3a23ff759dd34e921f269d370e07319afa0ce4fab2ae2b057b23819e983",
            size=12_139_029,
            licence=_AUTHORS_LICENCE,
            description="streets: 6 classes, depth (KITTI)",
        ),
        NamedWeights(
            name="nyud_kitti",
            domain="nyud_kitti",
            url=f"{_AUTHORS}/ExpNYUDKITTI_joint.ckpt",
            git_blob_sha1="54f57cc2bd15e5cdfa9f3f1eaba9760951218bfa",
            licence=_AUTHORS_LICENCE,
            description="indoor and streets in one head of 46 classes, depth",
        ),
        NamedWeights(
            name="demo",
            domain="nyud_kitti",
            url=None,
            git_blob_sha1="c002a438bd1588a58f30dde7f71d1f0f7b381b0b",
            sha256="2eaf4cb19787406f2bf23568c7658aca9f2f173798f74497ac5e697d03b185da",
            size=6_275_492,
            image_width=320,
            licence=_DEMO_LICENCE,
            description="this project's own, small training: 46 classes, depth, normals; see docs/demo_weights.md",
        ),
    )
}


@dataclass(frozen=True)
class LocatedWeights:
    """A checkpoint on this machine: its file, and what its name tells of it (see `NamedWeights`)."""

    path: Path
    domain: str | None
    image_width: int | None = None


def cache_directory() -> Path:
    """Where downloads are kept: `joint_perception/weights` under XDG_CACHE_HOME or ~/.cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # unset, empty, or relative, which the XDG specification says to ignore
        base = Path.home() / ".cache"
    return base / "joint_perception" / "weights"


def named_weights(name: str) -> NamedWeights:
    """The checkpoint of that name.

    Raises:
        WeightsError: There is none.
    """
    if name not in NAMED_WEIGHTS:
        raise WeightsError(f"unknown weights {name!r}; there are {', '.join(NAMED_WEIGHTS)}")
    return NAMED_WEIGHTS[name]


def resolve_weights(name_or_path: str) -> LocatedWeights:
    """Find a checkpoint on this machine; nothing is downloaded.

    Args:
        name_or_path: A name out of `NAMED_WEIGHTS`, or the path of a checkpoint file. A bare word is a
            name; whatever has a slash or a suffix is a path, `~` at its start being the home directory.

    Raises:
        WeightsError: The name is unknown, its file is not in the cache or not the published one, or there
            is no file at the path. The message says what to do.
    """
    if name_or_path in NAMED_WEIGHTS:
        weights = NAMED_WEIGHTS[name_or_path]
        if not weights.path.is_file():
            raise WeightsError(
                f"weights {weights.name!r} are not on this machine (looked for {weights.path}); {weights.remedy}, for "
                f"{weights.licence}; or give the path of a checkpoint file"
            )
        verify_file(weights.path, weights)
        return LocatedWeights(weights.path, weights.domain, weights.image_width)
    try:
        path = Path(name_or_path).expanduser()
        if path.is_file():
            return LocatedWeights(path, None)
    except (OSError, RuntimeError) as error:  # no permission, a name too long, the home of an unknown user
        raise WeightsError(f"weights {name_or_path!r}: the path cannot be looked at: {error}") from error
    if not name_or_path:
        raise WeightsError(f"no weights given; name one of {', '.join(NAMED_WEIGHTS)}, or a checkpoint file")
    if "/" in name_or_path or path.suffix:
        raise WeightsError(f"weights {name_or_path!r}: there is no such file; check the path")
    raise WeightsError(
        f"weights {name_or_path!r} are neither a known name ({', '.join(NAMED_WEIGHTS)}) nor the path of a file"
    )


def digests(path: Path) -> tuple[int, str, str]:
    """Size in bytes, the SHA-1 that git gives the content, and SHA-256, of a file; raises OSError."""
    size = path.stat().st_size
    blob, sha256 = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            blob.update(chunk)
            sha256.update(chunk)
    return size, blob.hexdigest(), sha256.hexdigest()


def verify_file(path: Path, weights: NamedWeights) -> None:
    """Check that a file is the published one, byte for byte.

    Raises:
        WeightsError: Size or a digest differs, or the file cannot be read.
    """
    try:
        size, blob, sha256 = digests(path)
    except OSError as error:
        raise WeightsError(f"weights {weights.name!r}: {path} cannot be read: {error}") from error
    checks = (
        ("size", size, weights.size),
        ("git blob SHA-1", blob, weights.git_blob_sha1),
        ("SHA-256", sha256, weights.sha256),
    )
    for what, found, expected in checks:
        if expected is not None and found != expected:
            raise WeightsError(
                f"weights {weights.name!r}: {path} is not the published file: its {what} is {found}, expected "
                f"{expected}; {weights.remedy}"
            )
