# SPDX-License-Identifier: Apache-2.0
"""The perception node: a lifecycle node that is wiring and nothing else."""

from __future__ import annotations

import functools
import time
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from joint_perception.domains import DomainError
from joint_perception.engine import Engine, EngineError, Frame, load_engine
from joint_perception.network import CheckpointError, WeightsError
from joint_perception.ros.camera import Camera
from joint_perception.ros.errors import ParameterError
from joint_perception.ros.parameters import Parameters, unknown_overrides
from joint_perception.ros.publisher import OutputPublisher
from joint_perception.ros.statistics import Statistics
from joint_perception.ros.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

NODE_NAME = "joint_perception"
_CONFIGURATION_ERRORS = (ParameterError, WeightsError, CheckpointError, DomainError, EngineError)
_WARM_UP_SIZE = (480, 640)
_SILENCE_S = 5.0  # how long a topic may have no publisher before the log says so
_SILENCE_REPEAT_S = 30.0  # how often it says so again


class PerceptionNode(LifecycleNode):
    """Camera images in; label images, metric depth, coloured clouds out. See docs for its topics.

    configure loads the weights and warms the engine up, activate subscribes, deactivate stops the work,
    cleanup frees the device. A bad configuration fails its transition with a message that says what to do.

    Args:
        **options: As rclpy.node.Node takes them (`namespace`, `parameter_overrides`, `context`, ...).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(NODE_NAME, **options)
        self._settings = Parameters(self)
        for complaint in unknown_overrides(self._parameter_overrides):
            self.get_logger().warning(complaint)
        self._statistics = Statistics(self.get_logger())
        self._engine: Engine | None = None
        self._publisher: OutputPublisher | None = None
        self._camera: Camera | None = None
        self._worker: Worker | None = None
        self._silent_since: dict[str, float] = {}
        self._reported_out = 0
        self._refuse_impossible_transitions()
        self._heartbeat = self.create_timer(1.0, self._on_heartbeat)
        self._autostart = self.create_timer(0.0, self._on_autostart) if self._settings["autostart"] else None

    # --- transitions ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the parameters, load the weights, warm the engine up, advertise the outputs."""
        return self._transition("configure", self._configure, super().on_configure, state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the camera and start the worker."""
        return self._transition("activate", self._activate, super().on_activate, state, parent_first=True)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the worker and unsubscribe."""
        return self._transition("deactivate", self._deactivate, super().on_deactivate, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the engine, its device memory and the publishers."""
        return self._transition("clean up", self._cleanup, super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything, from whatever state."""
        return self._transition("shut down", self._cleanup, super().on_shutdown, state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after a transition that broke."""
        return self._transition("clean up", self._cleanup, super().on_error, state)

    def destroy_node(self) -> None:
        """Stop the worker, free the engine, destroy the node."""
        self._cleanup()
        super().destroy_node()

    def _transition(
        self,
        name: str,
        work: Callable[[], None],
        parent: Callable[[LifecycleState], TransitionCallbackReturn],
        state: LifecycleState,
        *,
        parent_first: bool = False,
    ) -> TransitionCallbackReturn:
        # rclpy turns an exception into ERROR without a word; here each gets its message.
        try:
            if parent_first:  # the publishers must be active before the worker is
                result = parent(state)
                work()
                return result
            work()
            return parent(state)
        except _CONFIGURATION_ERRORS as error:
            self.get_logger().error(f"cannot {name}: {error}")
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001
            self.get_logger().error(f"cannot {name}: {type(error).__name__}: {error}\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR

    def _configure(self) -> None:
        self._settings.check()
        start = time.perf_counter()
        engine = load_engine(
            self._settings["weights"],
            self._settings["domain"],
            self._settings["device"],
            self._settings.network_size(),
        )
        height, width = engine.network_size or _WARM_UP_SIZE
        engine.predict([Frame(np.zeros((height, width, 3), np.uint8))])
        self._engine = engine
        self._publisher = OutputPublisher(self, engine.domain, self._settings)
        self._settings.locked = True
        self.get_logger().info(
            f"configured: weights {self._settings['weights']!r}, domain {engine.domain.name} "
            f"({engine.domain.num_classes} classes), device {engine.device}, in {time.perf_counter() - start:.1f} s"
        )

    def _activate(self) -> None:
        if self._engine is None or self._publisher is None:
            raise ParameterError("the node is not configured; configure it first")
        self._statistics.reset()
        self._reported_out = 0
        self._silent_since.clear()
        self._worker = Worker(self, self._engine, self._publisher, self._statistics)
        self._camera = Camera(
            self,
            self._settings["image_topic"],
            self._settings["camera_info_topic"],
            self._settings["pairing.queue_size"],
            self._statistics,
            self._worker.notify,
        )
        self._worker.start(self._camera)
        self._publisher.publish_classes()
        topics = ", ".join(self._camera.topics)
        self.get_logger().info(f"active: subscribed to {topics}; publishing {self.get_fully_qualified_name()}/*")

    def _deactivate(self) -> None:
        if self._worker is not None:
            self._worker.stop()
        if self._camera is not None:
            self._camera.destroy()
        self._worker = self._camera = None

    def _cleanup(self) -> None:
        self._deactivate()
        if self._publisher is not None:
            self._publisher.destroy()
        self._publisher = self._engine = None
        self._settings.locked = False
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    # --- timers --------------------------------------------------------------------------------------

    def _on_autostart(self) -> None:
        if self._autostart is None:
            return
        self.destroy_timer(self._autostart)
        self._autostart = None
        succeeded = TransitionCallbackReturn.SUCCESS
        if self.trigger_configure() != succeeded or self.trigger_activate() != succeeded:
            self.get_logger().error(
                "autostart failed, see above; the node waits: set it right with `ros2 param set`, then "
                f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure` and activate, or start it again"
            )

    def _on_heartbeat(self) -> None:
        if self._camera is None or self._publisher is None:
            return
        if self._statistics.frames_out == self._reported_out:  # the worker reports while frames come out
            self._publisher.publish_stats(self._statistics.message())
        self._reported_out = self._statistics.frames_out
        now, silent = time.monotonic(), self._camera.silent_topics()
        self._silent_since = {topic: self._silent_since.get(topic, now) for topic in silent}
        for topic, since in self._silent_since.items():
            if now - since >= _SILENCE_S:
                self.get_logger().warning(
                    f"nobody publishes {topic}; start the camera, or set image_topic and camera_info_topic "
                    "(`ros2 topic list` shows what there is)"
                )
                self._silent_since[topic] = now + _SILENCE_REPEAT_S - _SILENCE_S

    def _refuse_impossible_transitions(self) -> None:
        # rclpy raises out of its service callback, and so out of spin(), when a transition is asked for that
        # the present state does not have: any client could end the node.
        service = self._service_change_state
        change_state = service.callback

        @functools.wraps(change_state)
        def guarded(request: Any, response: Any) -> Any:
            try:
                return change_state(request, response)
            except RuntimeError as error:  # RCLError
                self.get_logger().error(
                    f"transition {request.transition.label or request.transition.id} refused: {error}"
                )
                response.success = False
                return response

        service.callback = guarded
