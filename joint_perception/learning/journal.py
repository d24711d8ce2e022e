# SPDX-License-Identifier: Apache-2.0
"""What a training leaves to be read: a log of one JSON object a line, pictures, and TensorBoard's files if wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
from tqdm import tqdm

from joint_perception.learning.checkpointing import replacing

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

LOG_FILE, PICTURES = "log.jsonl", "pictures"


class JournalError(RuntimeError):
    """TensorBoard is wanted and not there."""


class Journal:
    """The log of a training, which goes on where the state that is resumed was saved.

    Args:
        folder: Of the training.
        step: Steps that are done; what was logged after them is dropped.
        tensorboard: Write TensorBoard's files too, to `tensorboard/`.

    Raises:
        JournalError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int, *, tensorboard: bool) -> None:
        self._path, self._pictures = folder / LOG_FILE, folder / PICTURES
        lines = self._path.read_text(encoding="utf-8").splitlines() if step and self._path.is_file() else []
        with replacing(self._path) as draft:
            draft.write_text("".join(f"{line}\n" for line in lines if json.loads(line)["step"] <= step), "utf-8")
        self._board = _open_board(folder / "tensorboard", step) if tensorboard else None

    def write(self, step: int, kind: str, values: dict[str, float]) -> None:
        """Log values.

        Args:
            step: Steps done.
            kind: `train` or `validation`.
            values: By name.
        """
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)

    def show(self, step: int, pictures: dict[str, npt.NDArray[np.uint8]]) -> None:
        """Keep (H, W, 3) uint8 RGB pictures, as PNG and in TensorBoard."""
        for name, picture in pictures.items():
            path = self._pictures / f"{name.replace('/', '_')}_{step:07d}.png"
            with replacing(path) as draft:
                cv2.imwrite(str(draft), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if self._board is not None:
                self._board.add_image(name, picture, step, dataformats="HWC")

    def say(self, text: str) -> None:
        """Tell the user, above the progress bar."""
        tqdm.write(text)

    def close(self) -> None:
        """Finish TensorBoard's files."""
        if self._board is not None:
            self._board.close()


def _open_board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (an optional package)
    except ImportError as error:
        raise JournalError(
            f"tensorboard is true in the config, and {error}; pip install tensorboard, or set it to false"
        ) from error
    # purge_step: TensorBoard drops what an earlier run wrote from there on.
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
