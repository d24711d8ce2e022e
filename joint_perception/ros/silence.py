# SPDX-License-Identifier: Apache-2.0
"""Says, now and then, which topics nobody publishes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_SILENCE_S = 5.0  # how long a topic may have no publisher before the log says so
_REPEAT_S = 30.0  # how often it says so again


class Silence:
    """Remembers since when topics have no publisher.

    Args:
        logger: Gets a warning for each, after a while.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._since: dict[str, float] = {}

    def reset(self) -> None:
        """Forget everything, as at each activation."""
        self._since.clear()

    def check(self, silent: Iterable[str]) -> None:
        """Take note of the topics that are silent now."""
        now = time.monotonic()
        self._since = {topic: self._since.get(topic, now) for topic in silent}
        for topic, since in self._since.items():
            if now - since >= _SILENCE_S:
                self._logger.warning(
                    f"nobody publishes {topic}; start the camera, or set image_topic and camera_info_topic "
                    "(`ros2 topic list` shows what there is)"
                )
                self._since[topic] = now + _REPEAT_S - _SILENCE_S
