# SPDX-License-Identifier: Apache-2.0
"""The values that parameters have, for one camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(Protocol):
    """The present values of parameters by their names in the table."""

    def __getitem__(self, name: str) -> Any: ...


class CameraSettings:
    """What holds for one camera.

    Args:
        values: All values, by parameter name.
        camera: The camera's name; empty: the only one.
    """

    def __init__(self, values: Mapping[str, Any], camera: str) -> None:
        self._values, self._camera = values, camera

    def __getitem__(self, name: str) -> Any:
        """The camera's own value, else the common one."""
        own = self.own(name)
        return self._values[name] if own is None else own

    def own(self, name: str) -> Any:
        """The camera's own value; None where it has none."""
        return self._values.get(f"{self._camera}.{name}") if self._camera else None
