# SPDX-License-Identifier: Apache-2.0
"""Frame in, prediction out, on a device."""

from joint_perception.engine.backoff import Backoff, DeviceLostError, OutOfMemoryError
from joint_perception.engine.device.cloud import Selection, Tables
from joint_perception.engine.devices import select_device
from joint_perception.engine.engine import Engine, load_engine
from joint_perception.engine.errors import EngineError, RuntimeUnavailableError
from joint_perception.engine.frame import Frame, Prediction
from joint_perception.engine.reading import Reading
from joint_perception.engine.stopwatch import Stopwatch

__all__ = [
    "Backoff",
    "DeviceLostError",
    "Engine",
    "EngineError",
    "Frame",
    "OutOfMemoryError",
    "Prediction",
    "Reading",
    "RuntimeUnavailableError",
    "Selection",
    "Stopwatch",
    "Tables",
    "load_engine",
    "select_device",
]
