# SPDX-License-Identifier: Apache-2.0
"""torchvision's segmentation models as teachers, for the classes they share with a domain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from joint_perception.domains.domain import VOID_ID
from joint_perception.engine import Prediction
from joint_perception.engine.devices import select_device
from joint_perception.learning import augment  # noqa: F401 (makes torchvision importable beside any torch)
from joint_perception.learning.datasets import DatasetError
from joint_perception.network.weights import digests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joint_perception.domains import Domain
    from joint_perception.engine import Frame

PREFIX = "torchvision:"
# PASCAL VOC's classes, which torchvision's models tell apart, to the names that the domains have for them.
_SAME = {"car": "car", "chair": "chair", "sofa": "sofa", "diningtable": "table", "tvmonitor": "television",
         "person": "person"}  # fmt: skip
_AUXILIARY = "aux_classifier."


class TorchvisionTeacher:
    """A segmentation model of torchvision's, with the `predict` of `Engine`; it has labels only.

    Args:
        name: `torchvision:MODEL`, whose published weights are in torch's cache, or `torchvision:MODEL=FILE` with a
            state dict. Nothing is downloaded: where they are not there, the error says from where to where.
        domain: Whose ids it shall say; what the domain has no class for becomes void.
        device: See `Engine`.

    Attributes:
        domain: That domain.
        file: The weights.

    Raises:
        DatasetError: There is no such model, its weights are not to be had, or it shares no class with the domain.
    """

    def __init__(self, name: str, domain: Domain, device: str = "auto") -> None:
        from torchvision.models import (  # type: ignore[import-untyped]  # noqa: PLC0415 (it is heavy)
            get_model,
            get_model_weights,
            list_models,
            segmentation,
        )

        model, _, file = name.removeprefix(PREFIX).partition("=")
        known = list_models(module=segmentation)
        if model not in known:
            raise DatasetError(
                f"torchvision has no segmentation model {model!r}; it has {', '.join(known)}. Write {PREFIX}MODEL or "
                f"{PREFIX}MODEL=FILE"
            )
        published = get_model_weights(model).DEFAULT
        self.domain, self.device = domain, select_device(device)
        self._transform = published.transforms()
        self._ids = _ids(published.meta["categories"], domain, model)
        self.file = (
            Path(file).expanduser() if file else Path(torch.hub.get_dir(), "checkpoints", Path(published.url).name)
        )
        state = _read(self.file) if file else _read_published(self.file, published.url, model)
        auxiliary = any(key.startswith(_AUXILIARY) for key in state)
        network = get_model(model, weights=None, weights_backbone=None, aux_loss=auxiliary)
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise DatasetError(f"{self.file} is not of torchvision's {model}: {str(error).splitlines()[0]}") from error
        self.network = network.eval().to(self.device)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Labels only."""
        return ("segm",)

    @torch.inference_mode()
    def predict(self, frames: Sequence[Frame]) -> list[Prediction]:
        """Labels and confidence of frames, each at its own size; depth is NaN."""
        return [self._predict(frame) for frame in frames]

    def _predict(self, frame: Frame) -> Prediction:
        image = torch.from_numpy(np.ascontiguousarray(frame.image)).permute(2, 0, 1)
        logits = self.network(self._transform(image)[None].to(self.device))["out"].float()
        size = frame.image.shape[:2]
        scores = functional.interpolate(logits, size, mode="bilinear", align_corners=False).softmax(dim=1)
        confidence, best = scores[0].max(dim=0)
        nothing = np.full(size, np.nan, np.float32)
        return Prediction(self._ids[best.cpu().numpy()], nothing, confidence.cpu().numpy())


def _ids(categories: Sequence[str], domain: Domain, model: str) -> Any:
    """(number of categories,) uint8: the domain's id of each, or void."""
    names = domain.class_names
    found = [names.index(_SAME[name]) if _SAME.get(name) in names else VOID_ID for name in categories]
    if all(index == VOID_ID for index in found):
        raise DatasetError(
            f"torchvision's {model} shares no class with the domain {domain.name!r}; take another teacher"
        )
    return np.array(found, np.uint8)


def _read(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # an unpickler fed with damaged bytes raises anything, SafetensorError by its suffix too
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DatasetError(
            f"weights {path} cannot be read: {first}; give a state dict that torch.save wrote"
        ) from error
    if not isinstance(state, dict):
        raise DatasetError(f"weights {path} hold a {type(state).__name__}; give a state dict that torch.save wrote")
    return state


def _read_published(path: Path, url: str, model: str) -> dict[str, Any]:
    if not path.is_file():
        raise DatasetError(
            f"the weights of torchvision's {model} are not on this machine; bring them here with `curl -fL "
            f"--create-dirs -o {path} {url}`, or write {PREFIX}{model}=FILE"
        )
    # As torch.hub does it: the name ends in a dash and the beginning of the content's SHA-256.
    begins = path.stem.rpartition("-")[2]
    digest = digests(path)[2]
    if not digest.startswith(begins):
        raise DatasetError(
            f"{path} is not what {url} publishes: its SHA-256 begins with {digest[: len(begins)]}, not {begins}; "
            "delete it and bring it anew"
        )
    return _read(path)
