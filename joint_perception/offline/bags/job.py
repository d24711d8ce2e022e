# SPDX-License-Identifier: Apache-2.0
"""What is to be made of a recording."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from joint_perception.offline.bags.errors import BagError

# Name, whether the network must run for it.
OUTPUTS = {
    "label": True,
    "label_color": True,
    "overlay": True,
    "confidence": True,
    "depth": True,
    "normals": True,
    "points": True,
    "obstacles": True,
    "image_rect": False,
    "camera_info": False,
}
DEFAULT_OUTPUTS = ("label", "depth", "points", "camera_info")
PAIRINGS = ("exact", "latest")
FORMS = ("raw", "compressed")
FRAMES_PER_CHUNK = 64


@dataclass(frozen=True)
class Job:
    """What is to be made of a recording; everything that the result depends on, besides the recording.

    Attributes:
        settings: The node's parameters: name to value.
        topics: Image topics; empty: all colour cameras.
        infos: Image topic to camera_info topic, where that is not beside the images.
        pairing: `exact`: the camera_info of the image's stamp; `latest`: the newest recorded before the image.
        start: Seconds from the recording's beginning.
        end: Seconds from the recording's beginning; None: its end.
        every: Every n-th image of a camera.
        outputs: Names out of `OUTPUTS`.
        images: `raw`: as the node publishes them; `compressed`: as image_transport's plugins do.
        originals: Whether the recorded messages go into the new bag, too.
        node: Namespace of the output topics.
        batch: Images that go through the network together.
        chunk: Frames that are done, kept and repeated together.
    """

    settings: dict[str, Any]
    topics: tuple[str, ...] = ()
    infos: dict[str, str] = field(default_factory=dict)
    pairing: str = "exact"
    start: float = 0.0
    end: float | None = None
    every: int = 1
    outputs: tuple[str, ...] = DEFAULT_OUTPUTS
    images: str = "raw"
    originals: bool = True
    node: str = "joint_perception"
    batch: int = 1
    chunk: int = FRAMES_PER_CHUNK

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to do.

        Raises:
            BagError: Named after the option.
        """
        if unknown := [name for name in self.outputs if name not in OUTPUTS]:
            raise BagError(f"--outputs names {', '.join(unknown)}; choose from {', '.join(OUTPUTS)}")
        if not self.outputs:
            raise BagError(f"--outputs is empty; choose from {', '.join(OUTPUTS)}")
        if self.every < 1:
            raise BagError(f"--every is {self.every}; it is 1 or more")
        if min(self.batch, self.chunk) < 1:
            raise BagError(f"--batch is {self.batch} and --chunk {self.chunk}; they are 1 or more")
        if not self.start >= 0 or (self.end is not None and not self.end > self.start):
            raise BagError(f"--start {self.start} and --end {self.end} leave nothing; need 0 <= start < end")

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Job:
        """From `to_dict`, JSON between."""
        given: dict[str, Any] = dict(found)
        return cls(**(given | {name: tuple(given[name]) for name in ("topics", "outputs")}))
